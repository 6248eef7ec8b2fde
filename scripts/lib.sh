# Functions that the scripts share; to be sourced.
# shellcheck shell=bash

say() {
    printf '==> %s\n' "$*"
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" -eq 0 ] || fail "this needs root ($1); run it with sudo or as root"
}

need_swift() {
    command -v swift > /dev/null ||
        fail "there is no swift on PATH; unpack a Swift 6.3 toolchain and add its bin folder"
}

# Where builds go: outside the clone, so that the next clone builds in a minute.
scratch_path() {
    local folder="${TOLLKEEPER_CACHE:-${HOME:-/nonexistent}/.cache/tollkeeper}/build"
    if mkdir -p "$folder" 2> /dev/null && [ -w "$folder" ]; then
        echo "$folder"
    else
        echo "$PWD/.build"
    fi
}

# Sets `programs` to the folder with both programs: TOLLKEEPER_BIN, or a release build.
find_programs() {
    take_programs "$(scratch_path)" tollkeeper-agent tollkeeper
}

# The same for PRODUCT..., with Swift's runtime linked in, so that they run where there is no Swift.
# Each way of building makes every object anew, so this one has a folder of its own. The linker exports
# every symbol of ours and keeps what stands behind it, unless told not to: a tenth of the agent. Of
# functions whose code is the same and whose address nobody takes it keeps one, when told to.
find_static_programs() {
    take_programs "$(scratch_path)-static" "$@" \
        --static-swift-stdlib -Xlinker --no-export-dynamic -Xlinker --icf=safe
}

# take_programs SCRATCH PRODUCT... [OPTION-OF-SWIFT-BUILD...]
take_programs() {
    local scratch="$1" products=() product build
    shift
    while [ $# -gt 0 ] && [[ "$1" != -* ]]; do products+=("$1") && shift; done
    programs="${TOLLKEEPER_BIN:-}"
    if [ -z "$programs" ]; then
        need_swift
        build=(swift build -c release --scratch-path "$scratch" "$@")
        for product in "${products[@]}"; do
            say "Building $product for release in $scratch (the first build takes 10 to 20 minutes)"
            "${build[@]}" --product "$product"
        done
        programs="$("${build[@]}" --show-bin-path)"
    fi
    for product in "${products[@]}"; do
        [ -x "$programs/$product" ] || fail "there is no program $programs/$product"
    done
}

# Runs COMMAND every 0.2 s until it succeeds; fails after SECONDS.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

# check SENTENCE COMMAND...: whether COMMAND succeeds, counted in `passed` and `failed`.
passed=0
failed=0
check() {
    local sentence="$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "    ok: $sentence"
    else
        failed=$((failed + 1))
        echo "    FAILED: $sentence"
    fi
}

not() {
    ! "$@"
}

# Ends the process PID, a child of this shell: politely, and after 15 s by force.
end_process() {
    kill -TERM "$1" 2> /dev/null || return 0
    within 15 is_gone "$1" || kill -KILL "$1" 2> /dev/null || true
    wait "$1" 2> /dev/null || true
}

# A child that has ended and was not waited for yet is a zombie, and gone all the same.
is_gone() {
    local state
    state="$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2> /dev/null)" || return 0
    [ "$state" = Z ]
}

# --- A controller and an agent of their own, with everything in one folder ---------------------

# Takes a free port of this host for `listen`.
choose_port() {
    local port
    for port in $(seq 8440 8499); do
        if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            listen="127.0.0.1:$port"
            return
        fi
    done
    fail "no port from 8440 to 8499 is free on 127.0.0.1"
}

# Starts a controller and an agent that is joined to it as server NAME. Sets `folder`, `listen`,
# `controller_pid` and `agent_pid`.
start_stack() {
    local name="$1" answer url
    folder="$(mktemp -d /tmp/tollkeeper.XXXXXX)"
    choose_port
    say "Starting the controller on http://$listen, its store in $folder/controller"
    # setsid: Ctrl-C is for this script alone, which ends the two in their order.
    setsid "$programs/tollkeeper" serve --listen "$listen" --state-dir "$folder/controller" \
        > "$folder/controller.log" 2>&1 &
    controller_pid=$!
    within 30 controller_answers || give_up controller "the controller did not start"

    say "Adding this host as server $name and joining its agent"
    answer="$(control server add "$name" --json)" || give_up controller "no server could be added"
    url="$(jq -r '.url // empty' <<< "$answer")"
    jq -er .token <<< "$answer" |
        "$programs/tollkeeper-agent" join "${url:-http://$listen}" --token-file - \
            --state-dir "$folder/agent" || give_up controller "the agent could not join"
    setsid "$programs/tollkeeper-agent" run --state-dir "$folder/agent" > "$folder/agent.log" 2>&1 &
    agent_pid=$!
    within 30 agent_answers || give_up agent "the agent did not start"
}

# The operator's command line, through the controller's own socket.
control() {
    "$programs/tollkeeper" "$@" --state-dir "$folder/controller"
}

controller_answers() {
    is_gone "$controller_pid" && give_up controller "the controller ended at once"
    curl -fsS -o /dev/null "http://$listen/healthz" 2> /dev/null
}

agent_answers() {
    is_gone "$agent_pid" && give_up agent "the agent ended at once"
    "$programs/tollkeeper-agent" status --json --state-dir "$folder/agent" > /dev/null 2>&1
}

# Fails and shows the end of WHOSE log.
give_up() {
    printf '%s\n' "--- the last lines of $1.log" >&2
    tail -n 20 "$folder/$1.log" >&2 || true
    fail "$2"
}

# Stops both, opens what was shut on this host, and removes the folder.
stop_stack() {
    trap '' INT TERM
    if [ -n "${agent_pid:-}" ]; then
        end_process "$agent_pid"
        "$programs/tollkeeper-agent" release --reopen --state-dir "$folder/agent" ||
            echo "What is listed above stays shut: reload that interface's configuration." >&2
        agent_pid=
    fi
    [ -z "${controller_pid:-}" ] || end_process "$controller_pid"
    controller_pid=
    [ -z "${folder:-}" ] || rm -rf "$folder"
    folder=
}
