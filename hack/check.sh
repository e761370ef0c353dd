#!/usr/bin/env bash
# What to run before each commit, under a minute when little has changed: hack/check.sh.
# The layout, borders and sizes of every source, the scripts, and the unit tests of build/dev.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "" "$@"

failed=0
hack/lint.sh --quick || failed=1
if stage "build build/dev" hack/build.sh dev; then
    stage "unit tests" ctest --preset dev -L unit -j "$(nproc)" || failed=1
else
    failed=1
fi
exit "$failed"
