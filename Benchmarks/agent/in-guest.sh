#!/bin/sh
# Runs in the guest (Tests/VM/guest), with busybox's tools: kernel WireGuard, read by `wg`, by a bare
# loop, and by a running agent. Prints `NAME VALUE` lines, in microseconds and numbers of peers.
set -eu

field() {
    ./tollkeeper-agent status --json --state-dir /tmp/agent |
        sed -n "s/.*\"$1\" : \([0-9.]*\).*/\1/p"
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
    # Asking takes a program of its own, which must not run beside what is measured: so seldom.
    tries=0
    until [ "$(field readings)" -ge 3 ] 2> /dev/null || [ "$tries" -gt 60 ]; do
        tries=$((tries + 1))
        sleep 3
    done
    before="$(field readings) $(field all_readings_cpu_ms)"
    sleep "$2"
    echo "$before $(field readings) $(field all_readings_cpu_ms)" |
        awk -v name="agent.$1" '{ printf "%s %.0f\n", name, ($4 - $2) / ($3 - $1) * 1000 }'
    ./tollkeeper-agent status --json --state-dir /tmp/agent | grep '"fault"' || true
    kill "$pid"
    wait "$pid" || true
    echo "keys.$1 $(./tollkeeper-agent meters --json | grep -c '"key"')"
}

# The mean, as the agent's is: the guest is slowed down by whatever else the host does.
bare() {
    ./read-netlink wg0 101 | awk '{ print $3 }'
}

modprobe wireguard
ip link add wg0 type wireguard
./peers wg 10000 > /tmp/peers
wg addconf wg0 /tmp/peers
echo "wg.10k $(./cpu run 11 wg show all dump)"
echo "c.10k $(bare)"
agent 10k 30
echo "c.10k-again $(bare)"
./peers wg 50000 | tail -n +30001 > /tmp/peers
wg addconf wg0 /tmp/peers
echo "wg.50k $(./cpu run 3 wg show all dump)"
agent 50k 30
