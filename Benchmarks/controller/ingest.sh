# What ingest costs, and what it costs as the store grows; to be sourced.
# shellcheck shell=bash

measure_ingest() {
    local bare
    ingest_alone 1 1000 1000 1 "$(sized 10)"
    measure_bare
    bare="$rate"
    reported ingest.c "$bare" "deltas/cpu-s"
    reported ingest.1000 "$rate_alone" "deltas/cpu-s"
    at_least ingest.1000_vs_c "$(ratio "$rate_alone" "$bare")" ratio 0.5
    clear_up
    ingest_alone 100 100 100 100 "$(sized 10)"
    reported ingest.100x100 "$rate_alone" "deltas/cpu-s"
    at_least ingest.100x100_vs_c "$(ratio "$rate_alone" "$bare")" ratio 0.4
}

# ingest_alone AGENTS KEYS ROWS AT_ONCE SECONDS: sets `rate_alone`, the deltas for a second of the
# controller's CPU time, of agents of which so many push at once. Leaves the store in `folder`.
ingest_alone() {
    new_controller off
    start_swarm "$1" "$2" "$3"
    tell join
    ingest_now "$5" "$4"
    stop_swarm
    stop_controller
}

# ingest_now SECONDS AT_ONCE: sets `rate_alone`.
ingest_now() {
    tell ingest "$controller_pid" "$1" "$2"
    [ "$(said refused)" = 0 ] || fail "a push was refused"
    rate_alone="$(jq '.deltas / .cpu | round' <<< "$answer")"
}

# The store's own statements in a bare loop, on a copy of the store that was just pushed to: sets
# `rate`, the median of five.
measure_bare() {
    local store="$folder/bare/store.sqlite"
    mkdir "$folder/bare"
    cp "$folder"/controller/store.sqlite* "$folder/bare/"
    "$swarm" statements > "$folder/statements"
    rate="$(for _ in 1 2 3 4 5; do
        "$tools/ingest" "$store" "$folder/statements" 1000 "$(sized 400)"
    done | sort -n | sed -n 3p)"
}

# --- As the store grows -------------------------------------------------------------------------

measure_growth() {
    local first
    # One batch of 1,000 deltas after another, from agents that take turns.
    ingest_alone 1 1000 1000 1 "$(sized 10)"
    first="$rate_alone"
    reported ingest.growth.1k "$first" "deltas/cpu-s"
    clear_up
    ingest_alone 10 10000 1000 1 "$(sized 10)"
    reported ingest.growth.100k "$rate_alone" "deltas/cpu-s"
    reported ingest.growth.100k_vs_1k "$(ratio "$rate_alone" "$first")" ratio
    clear_up
    measure_month "$first"
    clear_up
    ingest_alone "$(sized 100)" 10000 1000 1 "$(sized 20)"
    reported ingest.growth.1m "$rate_alone" "deltas/cpu-s"
    reported ingest.growth.1m_vs_1k "$(ratio "$rate_alone" "$first")" ratio
    reported ingest.growth.1m.store_mib "$(store_size)" MiB
}

# 10,000 credentials, each with traffic in every hour of the last 30 days. The hours are put into the
# store by SQL: pushing them would take a month.
measure_month() {
    new_controller off
    start_swarm 10 1000 1000
    tell join
    stop_controller
    sqlite3 "$folder/controller/store.sqlite" << 'SQL'
WITH RECURSIVE hours (hour) AS (
    SELECT (CAST(strftime('%s', 'now') AS INTEGER) / 3600 - 720) * 3600
    UNION ALL SELECT hour + 3600 FROM hours
    WHERE hour + 7200 <= CAST(strftime('%s', 'now') AS INTEGER))
INSERT INTO usage_hours (credential, hour, client, uplink, downlink)
SELECT id, hour, client, 1000, 9000 FROM credentials, hours ORDER BY hour, id;
SQL
    start_controller
    ingest_now "$(sized 10)" 1
    reported ingest.growth.30_days_of_10k "$rate_alone" "deltas/cpu-s"
    reported ingest.growth.30_days_of_10k_vs_1k "$(ratio "$rate_alone" "$1")" ratio
    reported ingest.growth.30_days_of_10k.store_mib "$(store_size)" MiB
}

store_size() {
    du -m "$folder/controller/store.sqlite" | cut -f 1
}
