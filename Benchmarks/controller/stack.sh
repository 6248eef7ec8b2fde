# A controller in a folder of its own, and the swarm beside it; to be sourced.
# shellcheck shell=bash

folder=
controller_pid=
swarm_pid=
tls=off
tools=.build/bench-controller

# The swarm, and the yardsticks in C.
build_tools() {
    local scratch
    scratch="$(scratch_path)"
    mkdir -p "$tools"
    cc -O2 -o "$tools/ingest" Benchmarks/controller/ingest.c -lsqlite3
    cc -O2 -D_GNU_SOURCE -o "$tools/latency" Benchmarks/controller/latency.c
    swarm="${BENCH_SWARM:-}"
    if [ -z "$swarm" ]; then
        say "Building the swarm for release in $scratch"
        TOLLKEEPER_BENCH=1 swift build -c release --product tollkeeper-swarm \
            --scratch-path "$scratch"
        swarm="$(swift build -c release --scratch-path "$scratch" --show-bin-path)/tollkeeper-swarm"
    fi
    [ -x "$swarm" ] || fail "there is no program $swarm"
}

# new_controller off|auto: makes a folder and starts a controller in it, with TLS or without.
new_controller() {
    tls="$1"
    folder="$(mktemp -d /tmp/tollkeeper-bench.XXXXXX)"
    choose_port
    start_controller
    control server add swarm --reusable --json | jq -r .token > "$folder/token"
}

url() {
    if [ "$tls" = off ]; then echo "http://$listen"; else echo "https://$listen"; fi
}

# On two cores, however many there are.
start_controller() {
    setsid taskset -c 0,1 "$programs/tollkeeper" serve --listen "$listen" --tls "$tls" \
        --state-dir "$folder/controller" >> "$folder/controller.log" 2>&1 &
    controller_pid=$!
    within 60 answers || give_up controller "the controller did not start"
}

answers() {
    is_gone "$controller_pid" && give_up controller "the controller ended at once"
    curl -fsSk -o /dev/null "$(url)/healthz" 2> /dev/null
}

stop_controller() {
    [ -z "$controller_pid" ] || end_process "$controller_pid"
    controller_pid=
}

# start_swarm AGENTS KEYS ROWS: agents with so many keys each, so many of which move in a batch.
start_swarm() {
    coproc SWARM {
        exec "$swarm" --url "$(url)" --token-file "$folder/token" --agents "$1" --keys "$2" \
            --rows "$3" 2>> "$folder/swarm.log"
    }
    swarm_pid=$SWARM_PID
    swarm_in=${SWARM[1]} swarm_out=${SWARM[0]}
}

# tell WORDS: lets the swarm do that; `answer` is what it says.
tell() {
    printf '%s\n' "$*" >&"$swarm_in"
    await
}

# Reads the swarm's answer to what it was told.
await() {
    if ! read -r answer <&"$swarm_out"; then
        tail -n 5 "$folder/swarm.log" >&2
        give_up controller "the swarm ended"
    fi
    [ -z "${BENCH_QUICK:-}" ] || echo "      $answer"
}

# A number in the swarm's last answer, with three digits behind the point.
said() {
    jq ".$1 * 1000 | round / 1000" <<< "$answer"
}

stop_swarm() {
    [ -z "$swarm_pid" ] || end_process "$swarm_pid"
    swarm_pid=
}

clear_up() {
    clear_revoke
    stop_swarm
    stop_controller
    if [ -n "$folder" ]; then
        [ ! -s "$folder/swarm.log" ] || tail -n 3 "$folder/swarm.log"
        rm -rf "$folder"
    fi
    folder=
}
