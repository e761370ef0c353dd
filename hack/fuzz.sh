#!/usr/bin/env bash
# Look for inputs that break a fuzz target: hack/fuzz.sh TARGET SECONDS.
#
# Starts from tests/fuzz/corpus/TARGET and from what earlier runs found (build/fuzz/found/TARGET).
# An input that breaks it is left in build/fuzz/crash/TARGET; once mended, move it to the corpus,
# where every build replays it.
set -euo pipefail
cd "$(dirname "$0")/.."

targets() {
    sed -En 's/^fuzz_target\(([a-z0-9_]+).*\)$/\1/p' tests/fuzz/CMakeLists.txt | while read -r name; do
        [ ! -f "tests/fuzz/fuzz_$name.c" ] || printf ' %s' "$name"
    done
}

case ${1:-} in
-h | --help)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    printf 'targets:%s\n' "$(targets)"
    exit 0
    ;;
esac
if [ $# != 2 ] || [ ! -f "tests/fuzz/fuzz_$1.c" ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
    printf 'usage: hack/fuzz.sh TARGET SECONDS\ntargets:%s\n' "$(targets)" >&2
    exit 2
fi
target=$1 seconds=$2

hack/build.sh fuzz
found=build/fuzz/found/$target crash=build/fuzz/crash/$target
mkdir -p "$found" "$crash"
printf '== fuzz_%s for %d s\n' "$target" "$seconds"
# What libh2o keeps for its threads is not a leak (tests/lsan.supp).
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
# Once a minute libFuzzer says where it is; its output goes straight through.
if build/fuzz/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -report_slow_units=5 -artifact_prefix="$crash/" -print_final_stats=1 \
    "$found" "tests/fuzz/corpus/$target"; then
    printf 'fuzz_%s: nothing found in %d s\n' "$target" "$seconds"
else
    printf 'fuzz_%s: broken; the input is in %s\n' "$target" "$crash" >&2
    exit 1
fi
