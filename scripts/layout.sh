# Where everything of a program goes on a host; to be sourced.
# shellcheck shell=bash

# Puts the program FILE below ROOT/usr, with its unit, sample settings, manual page and completions.
lay_out() {
    local program="$1" usr="$2/usr" name="${1##*/}" file
    install -D -m 755 -s "$program" "$usr/bin/$name"
    for file in $(units "$name"); do
        install -D -m 644 "systemd/$file" "$usr/lib/systemd/system/$file"
    done
    for file in $(samples "$name"); do
        install -D -m 644 "systemd/$file" "$usr/share/tollkeeper/$file"
    done
    write_manual "$program" "$usr/share/man"
    write_completion "$program" bash "$usr/share/bash-completion/completions/$name"
    write_completion "$program" zsh "$usr/share/zsh/vendor-completions/_$name"
    write_completion "$program" fish "$usr/share/fish/vendor_completions.d/$name.fish"
}

# Each program has a unit of its name; the agent has one more, for before the network starts.
units() {
    echo "$1.service"
    [ "$1" != tollkeeper-agent ] || echo tollkeeper-agent-early.service
}

# The controller has one file of settings; all others are the agent's.
samples() {
    if [ "$1" = tollkeeper ]; then
        echo controller.conf
    else
        (cd systemd && find . -name '*.conf' ! -name controller.conf -printf '%P\n' | sort)
    fi
}

# What the program tells of its commands, and what docs/manual adds to that.
write_manual() {
    local program="$1" rest section page
    rest="$(echo "docs/manual/${program##*/}".*)"
    section="${rest##*.}"
    page="$2/man$section/${rest##*/}.gz"
    mkdir -p "${page%/*}"
    "$program" --experimental-dump-help |
        jq -r --arg section "$section" --arg date "$(date -u -d "@$(commit_time)" +%F)" \
            --arg version "$("$program" --version)" --rawfile rest "$rest" \
            -f docs/manual/page.jq | gzip -9 -n > "$page"
    chmod 644 "$page"
}

# write_completion PROGRAM SHELL FILE
write_completion() {
    mkdir -p "${3%/*}"
    "$1" --generate-completion-script "$2" > "$3"
    chmod 644 "$3"
}

# When this commit was made, in seconds since 1970; the present where there is no git.
commit_time() {
    echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}"
}
