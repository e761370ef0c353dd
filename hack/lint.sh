#!/usr/bin/env bash
# Look at every source without running it: layout, static checks, borders, sizes, scripts:
# hack/lint.sh [--quick]. With --quick without clang-tidy, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "--quick" "$@"

# Files of ours, committed or not yet, whose names match; one a line.
ours() {
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

scripts() {
    ours | while read -r file; do
        case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
        '#!'*bash* | '#!/bin/sh'* | '# shellcheck shell='*) printf '%s\n' "$file" ;;
        esac
    done
}

errexit_everywhere() {
    local file status=0
    for file in "$@"; do
        grep -Eq '^set -(e|eu|euo pipefail)$' "$file" && continue
        printf '%s: no "set -euo pipefail"\n' "$file"
        status=1
    done
    return "$status"
}

format() {
    printf '%s\n' "$@" | xargs -r clang-format --dry-run -Werror
}

tidy() {
    cmake --preset fuzz >/dev/null &&
        printf '%s\n' "$@" | xargs -r -n 1 -t -P "$(nproc)" hack/tidy.sh build/fuzz 2>&1
}

failed=0
mapfile -t c_files < <(ours 'src/*.[ch]' 'include/*.[ch]' 'tests/*.[ch]')
mapfile -t c_sources < <(ours 'src/*.c' 'tests/*.c')
mapfile -t shell_files < <(scripts)
if [ ${#c_sources[@]} = 0 ] || [ ${#shell_files[@]} = 0 ]; then
    printf 'lint: git lists no sources here: run it in a clone\n' >&2
    exit 1
fi

if stage_has "check-layers, check-banned, check-sizes" /usr/bin/python3; then
    stage "check-layers: who includes and calls what" hack/check-layers || failed=1
    stage "check-banned: banned functions, unfinished work" hack/check-banned || failed=1
    stage "check-sizes: lines a function and a file, and its first words" hack/check-sizes || failed=1
fi
stage "errexit in ${#shell_files[@]} scripts" errexit_everywhere "${shell_files[@]}" || failed=1
if stage_has "shellcheck" shellcheck; then
    stage "shellcheck: ${#shell_files[@]} scripts" shellcheck -x "${shell_files[@]}" || failed=1
fi
if stage_has "clang-format" clang-format; then
    stage "clang-format: ${#c_files[@]} files" format "${c_files[@]}" || failed=1
fi
if [ "${1:-}" != --quick ] && stage_has "clang-tidy" clang-tidy clang cmake ninja; then
    stage "clang-tidy: ${#c_sources[@]} sources" tidy "${c_sources[@]}" || failed=1
fi
exit "$failed"
