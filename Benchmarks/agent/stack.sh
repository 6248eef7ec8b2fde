# A controller with TLS, and agents that are joined to it; to be sourced beside scripts/lib.sh.
# Everything is in the folder $folder.
# shellcheck shell=bash
# What lib.sh and the script that sources this have set.
# shellcheck disable=SC2154,SC2034

declare -A agents=()

# Starts the controller; it answers when this returns.
start_controller() {
    choose_port
    "$programs/tollkeeper" serve --listen "$listen" --tls auto --state-dir "$folder/controller" \
        > "$folder/controller.log" 2>&1 &
    controller_pid=$!
    within 60 controller_is_up || give_up controller "the controller did not start"
}

controller_is_up() {
    control server list --json > /dev/null 2>&1
}

# Joins a host NAME whose one interface is INTERFACE. Words that follow go before `run`.
start_agent() {
    local name="$1" interface="$2" answer
    shift 2
    answer="$(control server add "$name" --json)"
    jq -er .token <<< "$answer" |
        "$tools/tollkeeper-agent" join "$(jq -r ".url // \"https://$listen\"" <<< "$answer")" \
            --token-file - --state-dir "$folder/$name" > /dev/null
    TOLLKEEPER_AGENT_WIREGUARD="$interface" "$@" "$tools/tollkeeper-agent" run \
        --state-dir "$folder/$name" > "$folder/$name.log" 2>&1 &
    agents[$name]=$!
}

# Prints what FILTER of jq finds in the status of the agent NAME.
status_of() {
    "$tools/tollkeeper-agent" status --json --state-dir "$folder/$1" 2> /dev/null | jq -r "$2"
}

# Whether the agent NAME counts KEYS peers and has pushed all that it had.
is_settled() {
    [ "$(status_of "$1" ".meters[0].keys == $2 and .unsent_rows == 0
        and .unacknowledged_batches == 0 and .controller_fault == null")" = true ]
}

wait_for_agent() {
    within 120 is_settled "$1" "$2" || { status_of "$1" . >&2; give_up "$1" "$1 does not settle"; }
}

stop_agents() {
    local name
    for name in "${!agents[@]}"; do end_process "${agents[$name]}"; done
    agents=()
}

# The median of the lines of numbers that come in.
median() {
    sort -n | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}

# Starts wireguard-go for INTERFACE with COUNT peers. Its daemon ends with this namespace.
start_wireguard() {
    local socket="/var/run/wireguard/$1.sock"
    WG_PROCESS_FOREGROUND=1 LOG_LEVEL=silent wireguard-go -f "$1" > /dev/null 2>&1 &
    within 20 test -S "$socket" || fail "wireguard-go did not start for $1"
    "$tools/peers" uapi "$2" | "$tools/uapi" set "$socket"
}
