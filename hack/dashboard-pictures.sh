#!/usr/bin/env bash
# Draw docs/pictures/dashboard-*.png from a real Prometheus: hack/dashboard-pictures.sh. No argument.
# Three minutes: two replicas of build/release under load, the faults of tests/it/draw_dashboard.py, and
# what each panel gets. It wants Debian's python3-matplotlib, and what hack/deps.sh test installs.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "" "$@"
/usr/bin/python3 -c 'import matplotlib' 2>/dev/null || {
    printf 'dashboard-pictures: python3-matplotlib is not installed\n' >&2
    exit 1
}

export PULLTHROUGH_PICTURES=$PWD/docs/pictures
export PULLTHROUGH_BUILD=$PWD/build/release # a sanitizer's memory is no picture of ours
hack/build.sh release
stage "draw" /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/it/draw_dashboard.py
ls -l "$PULLTHROUGH_PICTURES"
