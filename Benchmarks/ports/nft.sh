# Readings of nftables; to be sourced by bench, which has built `tools` and `filters`.
# shellcheck shell=bash disable=SC2154

measure_nft() {
    local place="tkbench-nft-$$" empty
    # What the program itself holds, without any rule.
    new_namespace "$place-none"
    read -r _ _ _ _ empty <<< "$(in_nft "$place-none" "$filters" 1 nft)"
    nft_set 10 101 "$place" "$empty"
    nft_set 50 21 "$place" "$empty"
    nft_chains 50 11 "$place" "$empty"
}

in_nft() {
    ip netns exec "$@"
}

# nft_set THOUSANDS TIMES NAMESPACE EMPTY: a set with that many elements, a counter in each.
nft_set() {
    local place="$3-set$1" name="ports.read.sets.$1k"
    say "A reading of ${1}000 elements of a set of nftables"
    new_namespace "$place"
    nft_elements "${1}000" | in_nft "$place" nft -f -
    nft_readings "$place" "$name" "$2" "$4" "${1}000" elements b s
    at_most "${name}_vs_c" "$(ratio "$agent" "$bare")" ratio 1.25
}

# nft_chains THOUSANDS TIMES NAMESPACE EMPTY: that many rules in as many chains as there are thousands.
nft_chains() {
    local place="$3-rules$1" name="ports.read.rules.$1k" single again
    say "A reading of ${1}000 rules of nftables in $1 chains"
    new_namespace "$place"
    nft_rules "$1" | in_nft "$place" nft -f -
    read -r single _ <<< "$(in_nft "$place" "$tools/read-nft" 5 rules)"
    nft_readings "$place" "$name" "$2" "$4" "${1}000" chains b
    read -r again _ <<< "$(in_nft "$place" "$tools/read-nft" 5 rules)"
    single="$(jq -n "($single + $again) / 2")"
    reported "$name.c_single_dump" "$single" us
    reported "${name}_vs_c_chains" "$(ratio "$agent" "$bare")" ratio
    reported "$name.c_chains_vs_single_dump" "$(ratio "$bare" "$single")" ratio
    at_most "${name}_vs_single_dump" "$(ratio "$agent" "$single")" ratio 0.2
}

# nft_readings NAMESPACE NAME TIMES EMPTY COUNTERS WHAT...: sets `agent` and `bare`, the agent's and
# the bare loop's medians; the loop runs before and after, so that a machine that gets slower spoils
# neither side.
nft_readings() {
    local place="$1" name="$2" times="$3" empty="$4" wanted="$5"
    local size again first most counters tool growth
    shift 5
    read -r bare _ _ size <<< "$(in_nft "$place" "$tools/read-nft" "$times" "$@")"
    read -r agent counters _ first most <<< "$(in_nft "$place" "$filters" "$times" nft)"
    read -r again _ <<< "$(in_nft "$place" "$tools/read-nft" "$times" "$@")"
    bare="$(jq -n "($bare + $again) / 2")"
    tool="$(in_nft "$place" "$tools/cpu" run 3 nft -j list ruleset)"
    growth="$(jq -n "($most - $empty - $size / 1024) / 102.4 | round / 10")"
    at_least "$name.counters" "$counters" counters "$wanted"
    reported "$name" "$agent" us
    reported "$name.first" "$first" us
    reported "$name.c" "$bare" us
    reported "$name.nft_json" "$tool" us
    at_most "${name}_vs_nft_json" "$(ratio "$agent" "$tool")" ratio 0.1
    at_most "$name.memory_above_reply" "$growth" MiB 9.5
}

nft_elements() {
    awk -v count="$1" 'BEGIN {
        print "table inet b { set s { type inet_proto . inet_service; counter; elements = {"
        for (i = 1; i <= count; i++) printf "%stcp . %d", (i > 1 ? ", " : ""), i
        print "} }\nchain in {\ntype filter hook input priority 0\nmeta l4proto . th dport @s\n}\n}"
    }'
}

# nft_rules CHAINS: a thousand rules in each, as multi-v2ray makes them.
nft_rules() {
    awk -v chains="$1" 'BEGIN {
        print "table inet b {"
        for (i = 0; i < chains; i++) {
            printf "chain c%d {\n", i
            for (j = 0; j < 1000; j++) printf "tcp dport %d counter accept\n", i * 1000 + j + 1
            print "}"
        }
        print "chain in {\ntype filter hook input priority 0"
        for (i = 0; i < chains; i++) printf "jump c%d\n", i
        print "}\n}"
    }'
}
