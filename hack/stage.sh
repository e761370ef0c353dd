# shellcheck shell=bash
# Sourced: run a command quietly, show that it lives, show all that it said when it fails.
#
# Commands given to stage() are single programs, or functions whose steps are joined by &&:
# bash switches errexit off inside anything whose exit status is being looked at.
set -euo pipefail

# A line now and then while a long command runs; ends by itself when the script does.
# Waits inside bash, so that no orphaned sleep keeps our standard output open.
stage_heartbeat() {
    local log=$1 seconds=0
    while kill -0 "$$" 2>/dev/null; do
        read -rt 1 <> <(:) || true
        seconds=$((seconds + 1))
        if ((seconds % 20 == 0)); then
            printf '   ... %d s  %s\n' "$seconds" "$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)"
        fi
    done
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
    stage_seconds=$((SECONDS - start))
    if ((status != 0)); then
        cat "$stage_log"
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

# Whether the modules of this Python are there.
stage_has_modules() { # TITLE PYTHON MODULE...
    local title=$1 python=$2 module
    shift 2
    for module in "$@"; do
        "$python" -c "import $module" 2>/dev/null && continue
        stage_without "$title" "Python's $module"
        return 1
    done
}

stage_seconds=0
stage_log=$(mktemp "${TMPDIR:-/tmp}/pullthrough-stage.XXXXXX")
trap 'rm -f "$stage_log"' EXIT
