#!/usr/bin/env bash
# Measure the release build: hack/bench.sh [--quick|--write-down].
#
#   --quick       size, start, and instructions a review, which must not rise (CI runs this)
#   --write-down  the same, and keep the count in tests/bench/instructions.txt
#
# Without an argument also processor time, latency and memory beside a constant answer from
# the same HTTP server, in about two minutes. Exit 1 when the count of instructions has risen.
set -euo pipefail
cd "$(dirname "$0")/.."

case "$#${1:-}" in
0) hack/deps.sh all ;;
1--quick | 1--write-down) hack/deps.sh test ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = -h ] || [ "${1:-}" = --help ] || exit 2
    exit 0
    ;;
esac
# shellcheck source=hack/stage.sh
. hack/stage.sh
stage "configure build/release" cmake --preset release -DBUILD_TESTING=ON
stage "build build/release" \
    cmake --build --preset release -j "$(nproc)" --target pullthrough constant_server fallback_cost cache_cost
printf '== measure\n'
/usr/bin/python3 -B tests/bench/bench.py --build "$PWD/build/release" "$@"
