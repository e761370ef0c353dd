#!/usr/bin/env bash
# Build the program: hack/build.sh [PRESET [CMAKE-ARGUMENT...]], into build/PRESET.
#
# The presets are those of CMakePresets.json; `release` is the default, and is the one that
# is built without the tests unless asked: hack/build.sh release -DBUILD_TESTING=ON.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
-*)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    [ "$1" = -h ] || [ "$1" = --help ] || exit 2
    exit 0
    ;;
esac
preset=${1:-release}
[ $# = 0 ] || shift

if [ "$preset" = release ] && [[ "$*" != *BUILD_TESTING* ]]; then
    hack/deps.sh build
    set -- -DBUILD_TESTING=OFF "$@"
else
    hack/deps.sh test
fi
# shellcheck source=hack/stage.sh
. hack/stage.sh
stage "configure build/$preset" cmake --preset "$preset" "$@"
stage "build build/$preset" cmake --build --preset "$preset" -j "$(nproc)"

program=build/$preset/src/pullthrough
if [ -x "$program" ]; then
    printf 'built %s, %d KiB\n' "$program" "$(($(stat -c %s "$program") / 1024))"
    # shellcheck disable=SC2016 # that is for the reader's shell
    [ "$preset" != release ] || [ "$(readlink -f "$(command -v pullthrough)")" = "$PWD/$program" ] ||
        printf 'to have it on the PATH: ln -s %s /usr/local/bin/ (as root), or PATH=%s:$PATH\n' \
            "$PWD/$program" "$PWD/${program%/*}"
fi
