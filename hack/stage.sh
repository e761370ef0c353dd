# shellcheck shell=bash
# Sourced: run a command quietly, show that it lives, show all that it said when it fails.
#
# Commands given to stage() are single programs, or functions whose steps are joined by &&:
# bash switches errexit off inside anything whose exit status is being looked at.
set -euo pipefail

# Where a command is: its last line, or if that is pytest's with several workers, the share that is
# done and the test that has been running for longest.
stage_now() { # LOG
    local last
    last=$(tail -c 400 "$1" | tr '\r' '\n' | tail -n 1)
    if [[ $last == "[gw"* || $last == tests/*::* ]]; then
        last=$(awk -v last="$last" '
            /^tests\/[^ :]+::.* $/ {began[$0] = NR}
            /^\[gw[0-9]+\] \[ *[0-9]+%\] [A-Z]+ / {
                share = substr($0, index($0, "] ") + 2, 7)
                sub(/^[^%]*%\] [A-Z]+ /, "")
                delete began[$0]
            }
            END {
                for (test in began)
                    if (!first || began[test] < began[first])
                        first = test
                print first ? share first : last
            }' "$1")
    fi
    cut -c 1-60 <<<"$last"
}

# That a command lives, after its second second: on a terminal one line that changes, else a line
# after 2, 5 and 10 s and every 20. Ends by itself when the script does, and waits inside bash, so
# that no orphaned sleep keeps our standard output open.
stage_heartbeat() {
    local log=$1 seconds=0 last
    while kill -0 "$$" 2>/dev/null; do
        read -rt 1 <> <(:) || true
        seconds=$((seconds + 1))
        ((seconds > 1)) || continue
        last=$(stage_now "$log")
        if [ -t 1 ]; then
            printf '\r   ... %d s  %s\e[K' "$seconds" "$last"
        elif ((seconds == 2 || seconds == 5 || seconds == 10 || seconds % 20 == 0)); then
            printf '   ... %d s  %s\n' "$seconds" "$last"
        fi
    done
}

# stage_arguments WORDS "$@": a script's own head is its help. With no argument or one of the words the
# script goes on; --help shows the head and ends it, and so does anything else, with 2.
stage_arguments() {
    local words=" $1 "
    shift
    [ $# != 0 ] || return 0
    if [ $# = 1 ] && [[ $words == *" $1 "* ]]; then
        return 0
    fi
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "hack/${0##*/}"
    [ "$1" = -h ] || [ "$1" = --help ] || exit 2
    exit 0
}

# What a stage that failed shows of its output: all, unless the script says otherwise.
stage_show() {
    cat "$stage_log"
}

# Output of pytest -v or of ctest without the lines of what passed or was skipped, or with several
# workers began.
stage_failures() { # FILE
    grep -Ev -e ' (PASSED|SKIPPED)( .*)?\[ *[0-9]+%\]$' -e '^ *Start +[0-9]+: ' \
        -e '^\[gw[0-9]+\] \[ *[0-9]+%\] (PASSED|SKIPPED) ' -e '^tests/[^ :]+::.* $' \
        -e '^ *[0-9]+/[0-9]+ Test .* (Passed|\*\*\*Skipped) ' "$1" || true
}

# stage TITLE COMMAND [ARGUMENT...]: the command's exit status, its output in $stage_log
# until the next stage, and on standard output too if it failed.
stage() {
    local title=$1 status=0 start=$SECONDS heartbeat
    shift
    printf '== %s\n' "$title"
    : >"$stage_log"
    stage_heartbeat "$stage_log" &
    heartbeat=$!
    "$@" >"$stage_log" 2>&1 </dev/null || status=$?
    kill "$heartbeat" 2>/dev/null || true
    wait "$heartbeat" 2>/dev/null || true
    [ ! -t 1 ] || printf '\r\e[K'
    stage_seconds=$((SECONDS - start))
    if ((status != 0)); then
        stage_show
        printf '   FAILED after %d s (exit status %d): %s\n' "$stage_seconds" "$status" "$title"
    elif ((stage_seconds > 0)); then
        printf '   %d s\n' "$stage_seconds"
    fi
    return "$status"
}

# What goes without TITLE, since TOOL isn't there. A user's machine may lack one, and gets one
# line; in CI (CI=true) that is a failure of the caller.
stage_without() { # TITLE TOOL
    printf 'skipped: %s because %s is not installed\n' "$1" "$2"
    if [ "${CI:-}" = true ]; then
        printf 'CI may skip nothing\n'
        exit 1
    fi
}

# Whether the tools are there.
stage_has() { # TITLE TOOL...
    local title=$1 tool
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null && continue
        stage_without "$title" "$tool"
        return 1
    done
}

stage_seconds=0
stage_log=$(mktemp "${TMPDIR:-/tmp}/pullthrough-stage.XXXXXX")
trap 'rm -f "$stage_log"' EXIT
