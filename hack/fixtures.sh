#!/usr/bin/env bash
# Write what tests expect of files anew, as the program has it now, and show the difference:
# hack/fixtures.sh. No argument. When that is honest stands in CONTRIBUTING.md.
#
# In tests/fixtures those of configurations, manifests, metrics and the reconciler's plans; the table
# in docs/metrics.md, the first block of docs/configuration.md, the sessions of docs/commands.md (whose
# test fails where they differ, and has written them), and deploy/iam. What becomes of a review is
# written by hand, since tests/it/oracle.py must come to the same.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "" "$@"

mapfile -t tests < <(grep -l 'fixture_says(' tests/unit/test_*.c | sed 's|.*/||; s|\.c$||')
write() {
    local test status=0
    export PULLTHROUGH_WRITE_FIXTURES=1
    for test in "${tests[@]}"; do
        "build/dev/tests/unit/$test" || status=1
    done
    /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/it/test_iam.py -k examples_are || status=1
    /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/it/test_transcripts.py || status=1
    return "$status"
}

stage "configure build/dev" cmake --preset dev
stage "build ${tests[*]}" cmake --build --preset dev -j "$(nproc)" --target pullthrough "${tests[@]}"
failed=0
stage "write" write || failed=1
written=(tests/fixtures docs/commands.md docs/metrics.md docs/configuration.md deploy/iam)
if [ -z "$(git status --porcelain -- "${written[@]}")" ]; then
    printf 'nothing differs from what is committed\n'
else
    git --no-pager diff HEAD -- "${written[@]}"
    git status --short -- "${written[@]}"
fi
exit "$failed"
