# What a revoke takes, from the API call to the peer blocked and verified; to be sourced.
# shellcheck shell=bash

agent_pid=
device_pid=
namespace=
interface="tkbench$$"
peers=110

measure_revoke() {
    local http sync remove floor p50 p99
    new_controller off
    make_interface
    http="$("$tools/latency" http "${listen##*:}" 500 | percentile 50)"
    sync="$("$tools/latency" sync "$folder/page" 200 | percentile 50)"
    ip netns exec "$namespace" wg setconf "$interface" "$folder/wireguard/$interface.conf"
    remove="$(ip netns exec "$namespace" "$tools/latency" remove "$interface" "$folder/keys" |
        percentile 50)"
    ip netns exec "$namespace" wg setconf "$interface" "$folder/wireguard/$interface.conf"
    floor=$((http + sync + remove))
    reported revoke.floor.http "$(milliseconds "$http")" ms
    reported revoke.floor.fdatasync "$(milliseconds "$sync")" ms
    reported revoke.floor.wg_set "$(milliseconds "$remove")" ms
    reported revoke.floor "$(milliseconds "$floor")" ms

    start_agent
    revoke_all > "$folder/alone"
    p50="$(percentile 50 < "$folder/alone")"
    p99="$(percentile 99 < "$folder/alone")"
    reported revoke.p50 "$(milliseconds "$p50")" ms
    reported revoke.p99 "$(milliseconds "$p99")" ms
    at_most revoke.p50_vs_floor "$(ratio "$p50" "$floor")" ratio 3

    start_swarm 100 100 100
    tell join
    printf 'ingest %s %s 100\n' "$controller_pid" "$(sized 60)" >&"$swarm_in"
    sleep 3
    revoke_all > "$folder/loaded"
    await
    p50="$(percentile 50 < "$folder/loaded")"
    p99="$(percentile 99 < "$folder/loaded")"
    reported revoke.under_ingest.deltas_per_s "$(jq '.deltas / .seconds | round' <<< "$answer")" 1/s
    reported revoke.under_ingest.p50 "$(milliseconds "$p50")" ms
    reported revoke.under_ingest.p99 "$(milliseconds "$p99")" ms
    at_most revoke.p99_vs_floor "$(ratio "$p99" "$floor")" ratio 10
}

# Revokes one client after another over the API; prints what each took, in microseconds.
revoke_all() {
    "$tools/latency" revoke "${listen##*:}" "$(< "$folder/api-token")" "$folder/clients" \
        "$(sized 150)"
}

# percentile P: of the numbers on standard input.
percentile() {
    sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.999999); print v[i] }'
}

milliseconds() {
    jq -n "$1 / 1000 | . * 100 | round / 100"
}

# wireguard-go with 110 peers, in a namespace of its own.
make_interface() {
    local number key
    namespace="$interface"
    ip netns add "$namespace"
    ip netns exec "$namespace" ip link set lo up
    mkdir -m 700 "$folder/wireguard"
    printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\n' "$(wg genkey)" \
        > "$folder/wireguard/$interface.conf"
    for number in $(seq "$peers"); do
        key="$(head -c 32 /dev/urandom | base64)"
        echo "$key" >> "$folder/keys"
        printf '\n# peer%s\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.99.0.%s/32\n' \
            "$number" "$key" "$((number + 1))" >> "$folder/wireguard/$interface.conf"
    done
    ip netns exec "$namespace" setsid wireguard-go -f "$interface" > "$folder/device.log" 2>&1 &
    device_pid=$!
    within 10 ip netns exec "$namespace" wg show "$interface" > /dev/null 2>&1 ||
        fail "wireguard-go did not start: $(tail -n 3 "$folder/device.log")"
    ip netns exec "$namespace" ip address add 10.99.0.1/24 dev "$interface"
    ip netns exec "$namespace" ip link set "$interface" up
}

start_agent() {
    control server add host --json | jq -r .token |
        "$programs/tollkeeper-agent" join "$(url)" --token-file - --state-dir "$folder/agent" \
            > /dev/null
    control token create --scope operate --json | jq -r .token > "$folder/api-token"
    TOLLKEEPER_AGENT_WIREGUARD="$interface" TOLLKEEPER_AGENT_NAMESPACES=none \
        TOLLKEEPER_AGENT_CONTAINERS=none TOLLKEEPER_AGENT_WIREGUARD_FOLDER="$folder/wireguard" \
        setsid "$programs/tollkeeper-agent" run --state-dir "$folder/agent" \
        > "$folder/agent.log" 2>&1 &
    agent_pid=$!
    within 60 knows_all || give_up agent "the controller was not told of every peer"
    # The first readings, and the agent's own start, are over.
    sleep 3
}

knows_all() {
    control client list --json 2> /dev/null | jq -r '.clients[].id' > "$folder/clients"
    [ "$(wc -l < "$folder/clients")" -ge "$peers" ]
}

clear_revoke() {
    [ -z "$agent_pid" ] || end_process "$agent_pid"
    [ -z "$device_pid" ] || end_process "$device_pid"
    [ -z "$namespace" ] || ip netns delete "$namespace" || true
    agent_pid='' device_pid='' namespace=''
}
