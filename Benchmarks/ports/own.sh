# The agent's own table: its readings, and what it costs a packet; to be sourced by bench, which has
# built `tools` and `filters`.
# shellcheck shell=bash disable=SC2154

measure_own() {
    local place="tkbench-own-$$"
    own_reading 10 51 "$place"
    own_reading 50 15 "$place"
    own_packets "$place"
}

# own_reading THOUSANDS TIMES NAMESPACE: a table with that many counters, half of them in each set.
own_reading() {
    local place="$3-$1" name="ports.read.own.$1k" bare=0 agent counters again tool part
    say "A reading of ${1}000 elements of the agent's own table"
    new_namespace "$place"
    own_elements "${1}000" | ip netns exec "$place" nft -f -
    # Gives the table its rules.
    ip netns exec "$place" "$filters" 1 own > "$tools/own.first"
    for part in ports_in ports_out; do bare="$(own_bare "$place" "$2" "$part" "$bare")"; done
    read -r agent counters _ <<< "$(ip netns exec "$place" "$filters" "$2" own)"
    again=0
    for part in ports_in ports_out; do again="$(own_bare "$place" "$2" "$part" "$again")"; done
    bare="$(jq -n "($bare + $again) / 2")"
    tool="$(ip netns exec "$place" "$tools/cpu" run 3 nft -j list table inet tollkeeper)"
    at_least "$name.counters" "$counters" counters "${1}000"
    reported "$name" "$agent" us
    reported "$name.c" "$bare" us
    reported "$name.nft_json" "$tool" us
    at_most "${name}_vs_c" "$(ratio "$agent" "$bare")" ratio 1.25
    at_most "${name}_vs_nft_json" "$(ratio "$agent" "$tool")" ratio 0.1
}

# own_bare NAMESPACE TIMES SET SO-FAR: adds what the bare loop takes for a set.
own_bare() {
    local cost
    read -r cost _ <<< "$(ip netns exec "$1" "$tools/read-nft" "$2" elements tollkeeper "$3")"
    jq -n "$4 + $cost"
}

# own_elements COUNT [FIRST]: a table with that many counters, as the agent makes its elements.
own_elements() {
    awk -v count="$1" -v first="${2:-1}" 'BEGIN {
        token = 1
        print "table inet tollkeeper {"
        for (way = 0; way < 2; way++) {
            printf "set ports_%s { type nf_proto . inet_proto . inet_service; counter; elements = {",
                way ? "out" : "in"
            for (i = 0; i < count / 4; i++)
                for (family = 4; family < 8; family += 2)
                    printf "%sipv%d . udp . %d comment \"%016x\"", (i + family > 4 ? ", " : " "),
                        family, first + i, token++
            print "} }"
        }
        print "}"
    }'
}

# What a packet costs without rules, and with 10 and 10,000 counted ports: the least of rounds that take
# turns, since whatever else runs only adds to it.
own_packets() {
    local near="$1-near" far="$1-far" sink turn none=0 few=0 many=0
    say "A packet through the agent's own table"
    new_namespace "$near"
    new_namespace "$far"
    ip link add near netns "$near" type veth peer name far netns "$far"
    ip -n "$near" address add 10.99.0.1/24 dev near
    ip -n "$far" address add 10.99.0.2/24 dev far
    ip -n "$near" link set near up
    ip -n "$far" link set far up
    ip netns exec "$far" "$tools/sink" 10005 &
    sink=$!
    for turn in 1 2 3; do
        ip netns exec "$far" nft flush ruleset
        none="$(own_flood "$near" "$none")"
        own_fill "$far" 40
        few="$(own_flood "$near" "$few")"
        own_fill "$far" 40000
        many="$(own_flood "$near" "$many")"
    done
    : "$turn"
    kill "$sink"
    wait "$sink" || true
    reported ports.packet.none "$none" ns
    reported ports.packet.own.10 "$few" ns
    reported ports.packet.own.10k "$many" ns
    at_most ports.packet.own.10_vs_none "$(ratio "$few" "$none")" ratio 1.3
    at_most ports.packet.own.10k_vs_none "$(ratio "$many" "$none")" ratio 1.3
}

# own_fill NAMESPACE COUNTERS: a table with these, and with its rules.
own_fill() {
    ip netns exec "$1" nft flush ruleset
    own_elements "$2" 10000 | ip netns exec "$1" nft -f -
    ip netns exec "$1" "$filters" 1 own > "$tools/own.fill"
}

# own_flood NAMESPACE SO-FAR: the lower of what was seen so far (0: nothing) and a flood's tenth.
own_flood() {
    local cost
    read -r _ cost _ <<< "$(ip netns exec "$1" "$tools/flood" 10.99.0.2 10005 400 1000)"
    jq -n "if $2 == 0 then $cost else [$2, $cost] | min end"
}
