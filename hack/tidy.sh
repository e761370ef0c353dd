#!/usr/bin/env bash
# clang-tidy on one source: hack/tidy.sh BUILD-FOLDER SOURCE.
#
# What passed is remembered in BUILD-FOLDER/tidy by the text of the source, of our headers that
# it includes and of the configuration, so only what has changed is looked at again.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1 source=$2
# Without the system's headers, which -MM wouldn't name anyway.
mapfile -t texts < <(clang -nostdinc -MM -MG -Iinclude -Isrc -Itests -Itests/fakes "$source" | grep -oE '[^ ]+\.h\b')
key=$({
    clang-tidy --version
    for text in "$source" "${texts[@]}" .clang-tidy tests/.clang-tidy; do
        [ ! -f "$text" ] || sha256sum "$text"
    done
} | sha256sum | cut -c 1-40)
[ ! -f "$build/tidy/$key" ] || exit 0

report=$(clang-tidy -p "$build" --quiet "$source" 2>&1) || {
    printf '%s\n' "$report"
    exit 1
}
mkdir -p "$build/tidy"
: >"$build/tidy/$key"
