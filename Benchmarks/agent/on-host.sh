#!/usr/bin/env bash
# Runs in namespaces of its own (bench makes them), where it is process 1: wireguard-go and agents
# that are joined to a controller over TLS. Prints rows; $tools has the programs in C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. scripts/lib.sh
. Benchmarks/rows.sh
. Benchmarks/agent/stack.sh
programs="$TOLLKEEPER_BIN"
tools="$1"
folder="$tools/state"
rm -rf "$folder"
mkdir -p "$folder"
ip link set lo up
mount -t tmpfs tmpfs /var/run/wireguard

# Each reading's cost in microseconds by FIELD of the status, one a line.
costs() {
    local _
    for _ in $(seq "$3"); do
        sleep 0.4
        status_of "$1" ".meters[0].$2 * 1000 | round"
    done
}

reading() {
    local agent wg bare peers
    say "A reading, 10,000 peers of wireguard-go"
    wg="$("$tools/cpu" run 11 wg show wg10k dump)"
    read -r bare peers _ <<< "$("$tools/read-uapi" /var/run/wireguard/wg10k.sock 41)"
    [ "$peers" = 10000 ] || fail "the bare loop saw $peers peers"
    TOLLKEEPER_AGENT_READ_INTERVAL=300ms start_agent reading wg10k
    wait_for_agent reading 10000
    agent="$(costs reading reading_cpu_ms 31 | median)"
    reported agent.read.userspace.10k "$agent" us
    reported agent.read.userspace.10k.wg "$wg" us
    reported agent.read.userspace.10k.c "$bare" us
    at_most agent.read.userspace.10k_vs_wg "$(ratio "$agent" "$wg")" ratio 0.5
    at_most agent.read.userspace.10k_vs_c "$(ratio "$agent" "$bare")" ratio 1.25
    stop_agents
}

# wireguard-go's peers cannot cheaply be made to pass traffic by the thousand: a responder that
# answers as it does takes its place.
booking() {
    local reading booking
    say "A reading of 10,000 peers, 1,000 of which have moved, and its booking"
    "$tools/uapi" serve /var/run/wireguard/moving.sock 10000 1000 &
    within 10 test -S /var/run/wireguard/moving.sock
    TOLLKEEPER_AGENT_READ_INTERVAL=500ms start_agent booking moving
    within 60 has_booked
    sleep 5
    reading="$(costs booking reading_cpu_ms 31 | median)"
    booking="$(costs booking booking_cpu_ms 31 | median)"
    reported agent.book.10k_tenth_moved "$booking" us
    reported agent.book.10k_tenth_moved.reading "$reading" us
    at_most agent.book.10k_tenth_moved_vs_reading "$(ratio "$booking" "$reading")" ratio 2
    stop_agents
}

has_booked() {
    [ "$(status_of booking '.meters[0].keys')" = 10000 ]
}

memory_of() {
    awk -v field="$2:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/$1/status"
}

# Idle agents of 1,000, 10,000 and 50,000 peers, side by side, at the usual interval.
idle() {
    local size before seconds=60 second
    say "Idle for $seconds seconds at 1,000, 10,000 and 50,000 peers"
    for size in 1k 10k 50k; do start_agent "idle-$size" "wg$size"; done
    for size in 1k 10k 50k; do wait_for_agent "idle-$size" "${size/k/000}"; done
    sleep 25
    declare -A start=() most=()
    for size in 1k 10k 50k; do
        start[$size]="$("$tools/cpu" of "${agents[idle-$size]}")"
        most[$size]=0
    done
    for second in $(seq "$seconds"); do
        sleep 1
        for size in 1k 10k 50k; do
            before="$(memory_of "${agents[idle-$size]}" RssAnon)"
            most[$size]="$(jq -n "[${most[$size]}, $before] | max")"
        done
    done
    for size in 1k 10k 50k; do footprint "$size" "${start[$size]}" "${most[$size]}" "$second"; done
    fifty_thousand
    stop_agents
}

footprint() {
    local size="$1" pid="${agents[idle-$1]}" end
    local -A anonymous=([1k]=5 [10k]=10 [50k]=32) resident=([1k]=30 [10k]=36 [50k]=60)
    local -A busy=([1k]=0.05 [10k]=0.3 [50k]=1.5)
    end="$("$tools/cpu" of "$pid")"
    at_most "agent.idle.$size.anonymous" "$3" MiB "${anonymous[$size]}"
    at_most "agent.idle.$size.resident" "$(memory_of "$pid" VmRSS)" MiB "${resident[$size]}"
    at_most "agent.idle.$size.cpu" "$(jq -n "($end - $2) / $4 / 1e4 * 1000 | round / 1000")" \
        percent "${busy[$size]}"
    reported "agent.idle.$size.resident_peak" "$(memory_of "$pid" VmHWM)" MiB
    reported "agent.idle.$size.reading" \
        "$(status_of "idle-$size" '.meters[0].reading_cpu_ms * 1000 | round')" us
}

fifty_thousand() {
    local peers
    peers="$(status_of idle-50k '.meters[0] | select(.fault == null) | .keys')"
    at_least agent.read.userspace.50k.peers "${peers:-0}" peers 50000
}

has_shut() {
    [ "$(status_of traced '.shut | length')" = 1 ]
}

# A reading, a push and a shut under strace: the agent starts no process.
processes() {
    local trace="$folder/trace" started client
    say "A reading, a push and a shut under strace"
    start_agent traced wg1k strace -f -qq -e trace=process -e signal=none -o "$trace"
    wait_for_agent traced 1000
    client="$(control client list --server traced --json | jq -r '.clients[0].id')"
    # 3: the same key was counted by the idle agents, which are away by now.
    control client revoke "id:$client" > /dev/null || [ "$?" -eq 3 ]
    within 30 has_shut || fail "the traced agent did not shut the client"
    # strace lets the signal through to the agent alone.
    end_process "$(pgrep -P "${agents[traced]}" tollkeeper)" || true
    end_process "${agents[traced]}"
    grep -q 'exit_group(0)' "$trace" || fail "the traced agent did not end by itself"
    started="$(tail -n +2 "$trace" | grep -Ec '(execveat|execve|vfork|fork)\(' || true)"
    started=$((started + $(grep -E 'clone3?\(' "$trace" | grep -vc CLONE_THREAD || true)))
    at_most agent.processes_started "$started" processes 0
    unset 'agents[traced]'
}

start_wireguard wg1k 1000
start_wireguard wg10k 10000
start_controller
reading
booking
start_wireguard wg50k 50000
idle
processes
