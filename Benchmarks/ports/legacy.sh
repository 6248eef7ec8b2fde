# Readings of iptables-legacy; to be sourced by bench, which has built `tools` and `filters`.
# shellcheck shell=bash disable=SC2154

measure_legacy() {
    local -x XTABLES_LOCKFILE="$tools/xtables.lock"
    local place="tkbench-legacy-$$" empty
    # What the program itself holds, without any rule.
    new_namespace "$place-none"
    read -r _ _ _ _ empty <<< "$(in_legacy "$place-none" "$filters" 1 legacy)"
    legacy_of 10 1001 "$place" "$empty"
    legacy_of 50 201 "$place" "$empty"
}

in_legacy() {
    ip netns exec "$@"
}

# legacy_of THOUSANDS TIMES NAMESPACE EMPTY: a table with that many rules.
legacy_of() {
    local rules="${1}000" times="$2" place="$3-$1" bare again size agent first most counters tool growth
    say "A reading of $rules rules of iptables-legacy"
    new_namespace "$place"
    legacy_rules "$rules" | in_legacy "$place" iptables-legacy-restore
    # One before and one after, so that a machine that gets slower spoils neither side.
    read -r bare _ _ size <<< "$(in_legacy "$place" "$tools/read-legacy" "$times" filter)"
    read -r agent counters _ first most <<< "$(in_legacy "$place" "$filters" "$times" legacy)"
    read -r again _ <<< "$(in_legacy "$place" "$tools/read-legacy" "$times" filter)"
    bare="$(jq -n "($bare + $again) / 2")"
    tool="$(in_legacy "$place" "$tools/cpu" run 15 iptables-legacy-save -c)"
    growth="$(jq -n "($most - $4 - $size / 1024) / 102.4 | round / 10")"
    at_least "ports.read.legacy.$1k.rules" "$counters" rules "$rules"
    reported "ports.read.legacy.$1k" "$agent" us
    reported "ports.read.legacy.$1k.first" "$first" us
    reported "ports.read.legacy.$1k.c" "$bare" us
    reported "ports.read.legacy.$1k.save" "$tool" us
    at_most "ports.read.legacy.$1k_vs_c" "$(ratio "$agent" "$bare")" ratio 1.25
    # What the call alone is of the tool: no reader can be below it.
    reported "ports.read.legacy.$1k.c_vs_save" "$(ratio "$bare" "$tool")" ratio
    if [ "$1" = 10 ]; then
        at_most "ports.read.legacy.$1k_vs_save" "$(ratio "$agent" "$tool")" ratio 0.1
    fi
    at_most "ports.read.legacy.$1k.memory_above_reply" "$growth" MiB 9.5
}

# As multi-v2ray makes them: half incoming, half outgoing, two transports.
legacy_rules() {
    awk -v count="$1" 'BEGIN {
        print "*filter"
        for (i = 0; i < count; i++) {
            port = int(i / 4) + 1
            transport = i % 2 ? "udp" : "tcp"
            if (i % 4 < 2) printf "-A INPUT -p %s --dport %d -j ACCEPT\n", transport, port
            else printf "-A OUTPUT -p %s --sport %d\n", transport, port
        }
        print "COMMIT"
    }'
}
