# A fleet of simulated agents that speak the real protocol over TLS; to be sourced.
# shellcheck shell=bash

measure_fleet() {
    local agents cpu seconds
    agents="$(sized 2000)" seconds="$(sized 60)"
    new_controller auto
    start_swarm "$agents" 100 100
    tell join
    reported fleet.2000.join_s "$(said join_seconds)" s
    tell wait
    tell push 10
    # The first batch of a credential makes its rows; so many at once are a fleet's first minute.
    sleep 12
    tell reset
    tell report "$controller_pid"
    cpu="$(said cpu)"
    sleep "$seconds"
    tell report "$controller_pid"
    reported fleet.2000.deltas_per_s "$(jq ".rows / $seconds | round" <<< "$answer")" 1/s
    reported fleet.2000.cpu "$(jq "(.cpu - $cpu) / $seconds * 1000 | round / 10" <<< "$answer")" "% of a core"
    at_most fleet.2000.refused "$(said refused)" pushes 0
    at_most fleet.2000.not_waiting "$(jq "$agents - .held + .lost" <<< "$answer")" requests 0
    report_memory fleet.2000
    measure_drain
}

# An hour without the controller, then everybody at once.
measure_drain() {
    stop_controller
    tell outage
    reported fleet.drain.deltas "$(said rows)" deltas
    start_controller
    tell drain
    [ "$(said refused)" = 0 ] || fail "a push was refused while an outage was drained"
    at_most fleet.drain_s "$(said seconds)" s 60
}

measure_idle() {
    local agents seconds
    agents="$(sized 10000)" seconds="$(sized 60)"
    new_controller auto
    start_swarm "$agents" 0 0
    tell join
    tell wait
    [ "$(said held)" = "$agents" ] || fail "only $(said held) of $agents requests wait"
    # Each has waited its 50 s and has asked anew.
    sleep "$seconds"
    tell report "$controller_pid"
    at_most fleet.10k.not_waiting "$(jq "$agents - .held + .lost" <<< "$answer")" requests 0
    reported fleet.10k.threads "$(said threads)" threads
    reported fleet.10k.idle_anonymous_mib "$(said anonymous_mib)" MiB
    at_most fleet.10k.idle_mib "$(said resident_mib)" MiB 300
    stop_controller
    printf 'reconnect\n' >&"$swarm_in"
    start_controller
    await
    [ "$(said held)" = "$agents" ] || fail "only $(said held) of $agents came back"
    at_most fleet.reconnect_s "$(said seconds)" s 10
}

report_memory() {
    reported "$1.resident_mib" "$(said resident_mib)" MiB
    reported "$1.anonymous_mib" "$(said anonymous_mib)" MiB
}
