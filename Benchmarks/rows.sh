# How a benchmark reports; to be sourced by Benchmarks/*/bench. `rows` is the file that scripts/bench gave.
# shellcheck shell=bash

rows="${BENCH_ROWS:?run this by make bench}"

# at_most NAME VALUE UNIT TARGET: a figure that must not be higher than TARGET.
at_most() {
    row "$1" "$2" "$3" "$4" "$(jq -n "($2) <= ($4)")"
}

# at_least NAME VALUE UNIT TARGET: a figure that must not be lower than TARGET.
at_least() {
    row "$1" "$2" "$3" "$4" "$(jq -n "($2) >= ($4)")"
}

# reported NAME VALUE UNIT: a figure without a target, such as a yardstick.
reported() {
    row "$1" "$2" "$3" null null
}

row() {
    jq -cn --arg name "$1" --argjson value "$2" --arg unit "$3" --argjson target "$4" \
        --argjson met "$5" '{$name, $value, $unit, $target, $met}' | tee -a "$rows" |
        jq -r '"    \(.name)  \(.value) \(.unit)" + (if .met == null then "" else
            "  (target \(.target)) " + (if .met then "met" else "MISSED" end) end)'
}

# ratio A B: A divided by B, with three digits behind the point.
ratio() {
    jq -n "($1) / ($2) * 1000 | round / 1000"
}
