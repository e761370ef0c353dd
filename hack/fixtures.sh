#!/usr/bin/env bash
# Write what tests expect of tests/fixtures anew, as the program has it now, and show the
# difference: hack/fixtures.sh. No argument. When that is honest stands in CONTRIBUTING.md.
#
# Those of configurations, manifests and the reconciler's plans. What becomes of a review is written
# by hand, since tests/it/oracle.py must come to the same.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "" "$@"

mapfile -t tests < <(grep -l 'fixture_says(' tests/unit/test_*.c | sed 's|.*/||; s|\.c$||')
write() {
    local test
    for test in "${tests[@]}"; do
        PULLTHROUGH_WRITE_FIXTURES=1 "build/dev/tests/unit/$test" || return 1
    done
}

stage "configure build/dev" cmake --preset dev
stage "build ${tests[*]}" cmake --build --preset dev -j "$(nproc)" --target "${tests[@]}"
stage "write" write
if [ -z "$(git status --porcelain -- tests/fixtures)" ]; then
    printf 'nothing differs from what is committed\n'
else
    git --no-pager diff HEAD -- tests/fixtures
    git status --short -- tests/fixtures
fi
