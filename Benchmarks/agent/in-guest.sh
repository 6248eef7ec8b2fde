#!/bin/sh
# Runs in the guest (Tests/VM/guest), with busybox's tools: kernel WireGuard, read by `wg`, by a bare
# loop, and by a running agent. Prints `NAME VALUE` lines, in microseconds and numbers of peers.
set -eu

# The median of the lines of numbers that come in.
median() {
    sort -n > /tmp/numbers
    sed -n "$(($(wc -l < /tmp/numbers) / 2 + 1))p" /tmp/numbers
}

field() {
    ./tollkeeper-agent status --json --state-dir /tmp/agent |
        sed -n "s/.*\"$1\" : \([0-9.]*\).*/\1/p"
}

# Microseconds of the running agent's last readings, one a line.
readings() {
    for _ in $(seq "$1"); do
        sleep 0.7
        field reading_cpu_ms | awk '{ printf "%.0f\n", $1 * 1000 }'
    done
}

# The cost of the agent's readings, and how many keys it sees.
agent() {
    rm -rf /tmp/agent
    mkdir -p /tmp/agent
    # It was joined with a controller that is away: it reads all the same.
    cat > /tmp/agent/identity.json << END
{"server": 1, "name": "bench", "controllers": ["http://127.0.0.1:9"], "pins": [],
 "secret": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
 "ledger": "00000000000000000000000000000001", "tokenDigest": ""}
END
    TOLLKEEPER_AGENT_READ_INTERVAL=500ms ./tollkeeper-agent run --state-dir /tmp/agent 2> /tmp/log &
    pid=$!
    tries=0
    until [ "$(field reading_cpu_ms)" != "" ] || [ "$tries" -gt 60 ]; do
        tries=$((tries + 1))
        sleep 1
    done
    sleep 3
    echo "agent.$1 $(readings "$2" | median)"
    ./tollkeeper-agent status --json --state-dir /tmp/agent | grep '"fault"' || true
    kill "$pid"
    wait "$pid" || true
    echo "keys.$1 $(./tollkeeper-agent meters --json | grep -c '"key"')"
}

modprobe wireguard
ip link add wg0 type wireguard
./peers wg 10000 > /tmp/peers
wg addconf wg0 /tmp/peers
echo "wg.10k $(./cpu run 11 wg show all dump)"
echo "c.10k $(./read-netlink wg0 41)"
agent 10k 21
echo "c.10k-again $(./read-netlink wg0 41)"
./peers wg 50000 | tail -n +30001 > /tmp/peers
wg addconf wg0 /tmp/peers
echo "wg.50k $(./cpu run 3 wg show all dump)"
agent 50k 7
