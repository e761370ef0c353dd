#!/usr/bin/env bash
# Measure `pullthrough scan` and `rewrite -o json`: hack/bench-scan.sh [PODS].
#
# 50,000 pods, some 560 MB as kubectl prints them, unless PODS says otherwise. What is wanted of
# scan is at most 40 MB of memory and 6 seconds of processor time.
set -euo pipefail
cd "$(dirname "$0")/.."

case "$#${1:-}" in
0 | 1[1-9]*) ;;
*)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = -h ] || [ "${1:-}" = --help ] || exit 2
    exit 0
    ;;
esac
# shellcheck source=hack/stage.sh
. hack/stage.sh
stage "configure build/release" cmake --preset release
stage "build build/release" cmake --build --preset release -j "$(nproc)" --target pullthrough

pods=$(mktemp "${TMPDIR:-/tmp}/pullthrough-pods.XXXXXX")
trap 'rm -f "$pods"' EXIT
tests/bench/make_pods.py "${1:-50000}" >"$pods"
printf '== %s bytes\n' "$(stat -c %s "$pods")"
for command in "scan --offline" "scan --offline -o json" "rewrite --account 111122223333 --region us-west-2 -o json"; do
    # shellcheck disable=SC2086 # a command and its options
    python3 -B - $command -f "$pods" <<'END'
import os, sys

# A process between: the peak of one that Python starts itself begins with Python's own.
shell = ["sh", "-c", 'build/release/src/pullthrough "$@" >/dev/null; exit $?', "sh", *sys.argv[1:]]
pid = os.spawnvp(os.P_NOWAIT, "sh", shell)
_, status, usage = os.wait4(pid, 0)
assert status == 0
print(f"{' '.join(sys.argv[1:-2])}: {usage.ru_utime + usage.ru_stime:.1f} s of processor time, "
      f"{usage.ru_maxrss / 1024:.0f} MB")
END
done
