#!/usr/bin/env bash
# Install what the tests need, and run every test, or those stages: hack/test.sh [STAGE...].
# hack/test.sh --list says which there are. Safe to run twice.
#
# Debian 12. It needs root (or sudo, for apt: then without the image and the cluster), a way to
# Debian's archive, PyPI and the Go module proxy, 15 GB of disk, and about an hour on two CPUs,
# longer the first time. Go 1.26 is for the API server, Helm and the cluster.
#
# What can't be run is a row of the table, "skipped", with the reason; with CI=true that is a
# failure. The last line is the sum: "N passed, N failed", where a stage that breaks without a
# test to blame (lint, a build) counts as one, and ", N skipped" after it if there were any.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each is a function, test_NAME. In this order.
stages=(
    "lint       every source, without running it: hack/lint.sh"
    "unit       unit tests and fuzz corpora; gcc, ASan and UBSan"
    "it         running programs of the same build"
    "apiserver  the chart and that program with real API servers, Helm 3 and Helm 4"
    "clang      unit tests and fuzz corpora; clang, ASan and UBSan"
    "tsan       unit tests and what serves; gcc, ThreadSanitizer"
    "coverage   the lines of core that no unit test reaches"
    "release    hardening of the release build, and what instructions a review takes"
    "image      the container image, and the program run from it"
    "e2e        a whole cluster: pods from the cache, under load and faults"
)

case ${1:-} in
--list)
    printf '%s\n' "${stages[@]}"
    exit 0
    ;;
-*)
    [ "$1" = -h ] || [ "$1" = --help ] || exec >&2
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    [ "$1" = -h ] || [ "$1" = --help ] || exit 2
    exit 0
    ;;
esac
for name in "$@"; do
    [[ " ${stages[*]%% *} " == *" $name "* ]] && continue
    printf 'test: "%s" is not a stage; hack/test.sh --list says which there are\n' "$name" >&2
    exit 2
done
[ $# -gt 0 ] || set -- "${stages[@]%% *}"
# shellcheck source=hack/stage.sh
. hack/stage.sh

python=/usr/bin/python3 # Debian's own, which has Debian's pytest
passed=0 failed=0 skipped=0
rows=()

row() { # RESULT SECONDS TESTS TITLE
    rows+=("$(printf '%-8s %5s s  %11s  %s' "$1" "$2" "$3" "$4")")
}

# skip TITLE REASON: a stage that can't be run here.
skip() {
    printf 'skipped: %s: %s\n' "$1" "$2"
    if [ "${CI:-}" = true ]; then
        failed=$((failed + 1))
        row FAILED 0 "" "$1: $2"
    else
        skipped=$((skipped + 1))
        row skipped 0 "" "$1: $2"
    fi
}

# What stage_has says of a tool that isn't there is a row, too.
stage_without() { # TITLE TOOL
    skip "$1" "$2 is not installed"
}

# Of a run of tests that failed, what passed is of no interest; all of it is in the file that is
# named at the end.
stage_show() {
    if [ -z "$stage_keep" ]; then
        cat "$stage_log"
        return
    fi
    cp "$stage_log" "$stage_keep"
    stage_failures "$stage_keep"
    printf '   all of it: %s\n' "$stage_keep"
}
stage_keep=

# The number in attribute $2="..." of the first test suite in a JUnit file; 0 if there is none.
junit_number() {
    local text=
    [ ! -f "$1" ] || text=$(<"$1")
    if [[ $text =~ \<testsuite[[:space:]][^\>]*[[:space:]]$2=\"([0-9]+)\" ]]; then
        printf '%d' "${BASH_REMATCH[1]}"
    else
        printf 0
    fi
}

# run TITLE COMMAND...: one stage and its row.
run() {
    local title=$1
    shift
    if stage "$title" "$@"; then
        row ok "$stage_seconds" "" "$title"
    else
        failed=$((failed + 1))
        row FAILED "$stage_seconds" "" "$title"
        return 1
    fi
}

# run_tests TITLE JUNIT-FILE COMMAND...: one stage that counts tests. A run that counted none,
# skipped one in CI, or failed for another reason than a test, is a failure of its own.
run_tests() {
    local title=$1 junit=$2 status=0 good=0 bad=0 left=0
    shift 2
    rm -f "$junit"
    mkdir -p "$(dirname "$junit")"
    stage_keep=${junit%.xml}.log
    stage "$title" "$@" || status=1
    stage_keep=
    bad=$(($(junit_number "$junit" failures) + $(junit_number "$junit" errors)))
    left=$(($(junit_number "$junit" skipped) + $(junit_number "$junit" disabled)))
    good=$(($(junit_number "$junit" tests) - bad - left))
    ((left == 0)) || printf 'skipped: %d tests of "%s"\n' "$left" "$title"
    if ((good + bad == 0)) || { ((status != 0)) && ((bad == 0)); } ||
        { [ "${CI:-}" = true ] && ((left > 0)); }; then
        status=1
        bad=$((bad + 1))
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    if ((status == 0)); then
        row ok "$stage_seconds" "$good" "$title"
    else
        row FAILED "$stage_seconds" "$good + $bad bad" "$title"
    fi
    return "$status"
}

# not_run TITLE: after a failure that it depends on.
not_run() {
    row "not run" 0 "" "$1"
}

build() { # PRESET
    cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"
}

# built PRESET TITLE: whether it could be built, which is tried once.
declare -A builds=()
dev="gcc, ASan and UBSan"
built() {
    if [ -z "${builds[$1]:-}" ]; then
        builds[$1]=failed
        ! run "$2: build" build "$1" || builds[$1]=ok
    fi
    [ "${builds[$1]}" = failed ] || return 0
    not_run "$2: tests"
    return 1
}

ctests() { # PRESET [ARGUMENT...]
    local preset=$1
    shift
    ctest --preset "$preset" -j "$(nproc)" --timeout 300 \
        --output-junit "$PWD/build/$preset/ctest.xml" "$@"
}

pytest_is_here() { # TITLE of what needs it
    local module
    for module in pytest xdist jsonpatch yaml; do
        "$python" -c "import $module" 2>/dev/null && continue
        skip "$1" "Python's $module is not installed"
        return 1
    done
}

pytests() { # PRESET, folders of tests, options of pytest
    local preset=$1
    shift
    TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/tsan.supp \
        PULLTHROUGH_BUILD=$PWD/build/$preset "$python" -B -m pytest -v --tb=short -p no:cacheprovider \
        --junitxml="$PWD/build/$preset/pytest.xml" "$@"
}

# The same, several at a time, for a test of a running program waits most of its time. Tests of one
# xdist_group go one after the other.
pytests_at_once() {
    pytests "$@" -n $(($(nproc) * 2)) --dist loadgroup
}

# The programs that the chart's tests run; built the first time, which takes minutes.
cluster_tools() {
    hack/tools.sh kube-apiserver kube-apiserver-1.28 etcd kubectl helm3 helm4 helm-unittest \
        helm-docs kube-score kustomize crds
}

cluster_tools_can_be_had() { # TITLE
    hack/tools.sh --can >/dev/null 2>&1 || {
        skip "$1" "$(hack/tools.sh --can 2>&1 | sed 's/^tools: //')"
        return 1
    }
}

cover() {
    find build/coverage -name '*.gcda' -delete &&
        ctest --preset coverage -j "$(nproc)" --timeout 300 &&
        gcovr --root . --filter src/core/ --object-directory build/coverage \
            --txt build/coverage/core.txt --json-summary build/coverage/core.json
}

# Lines of core that no test reaches, and the sum.
show_coverage() {
    awk '/^src\/core\/.*%/ && !/100%/ || /^TOTAL/' build/coverage/core.txt | cut -c 1-100
}

start=$SECONDS
if ! hack/deps.sh test; then
    if [ "${CI:-}" = true ]; then
        printf '0 passed, 1 failed\n'
        exit 1
    fi
    if ! cmake --preset dev >/dev/null 2>&1; then
        printf 'test: without these nothing can be built\n'
        printf '0 passed, 1 failed\n'
        exit 1
    fi
    printf 'test: going on with what is installed\n'
fi

# botocore drives the AWS stand-in. Without it those tests are skipped, which CI won't have.
if stage "build/venv: Python with botocore" hack/venv.sh; then
    python=build/venv/bin/python # with Debian's pytest all the same
else
    printf 'test: going on without botocore\n'
fi

test_lint() {
    local start=$SECONDS
    printf '== lint\n'
    if hack/lint.sh; then
        row ok $((SECONDS - start)) "" "lint"
    else
        failed=$((failed + 1))
        row FAILED $((SECONDS - start)) "" "lint"
    fi
}

test_unit() {
    built dev "$dev" || return 0
    run_tests "$dev: unit tests" build/dev/ctest.xml ctests dev || true
}

test_it() {
    pytest_is_here "$dev: running programs" && built dev "$dev" || return 0
    run_tests "$dev: running programs" build/dev/pytest.xml pytests_at_once dev tests/it || true
}

test_apiserver() {
    local title="chart and API server"
    pytest_is_here "$title" && cluster_tools_can_be_had "$title" && built dev "$dev" || return 0
    if run "$title: tools" cluster_tools; then
        run_tests "$title: Helm 3 and 4, Kubernetes 1.36 and 1.28" \
            build/dev/pytest.xml pytests dev tests/apiserver || true
    else
        not_run "$title"
    fi
}

test_clang() {
    local title="clang, libFuzzer"
    stage_has "$title" clang && built fuzz "$title" || return 0
    run_tests "$title: unit tests, corpora" build/fuzz/ctest.xml ctests fuzz || true
}

test_tsan() {
    # The tests of what serves: there the threads are.
    local serving=(tests/it/test_{serve,protocol,reconcile}*.py)
    built tsan "TSan" || return 0
    run_tests "TSan: unit tests" build/tsan/ctest.xml ctests tsan || true
    pytest_is_here "TSan: running programs that serve" || return 0
    run_tests "TSan: running programs that serve" build/tsan/pytest.xml \
        pytests_at_once tsan "${serving[@]}" || true
}

test_coverage() {
    local title="coverage of core"
    stage_has "$title" gcovr && built coverage "$title" || return 0
    ! run "$title: tests" cover || show_coverage
}

test_release() {
    run "release: build" hack/build.sh release || true
    ! pytest_is_here "release: hardening" ||
        run_tests "release: hardening" build/release/pytest.xml \
            pytests release tests/hardening || true
    stage_has "instructions a review" valgrind openssl || return 0
    ! run "release: instructions a review" hack/bench.sh --quick ||
        sed -n '/^size of/,$p' "$stage_log"
}

# The image, and the program run from it. Another architecture's runs under qemu-user.
test_image() {
    local title="image: build"
    if ! unshare --mount true 2>/dev/null; then
        skip "$title" "that takes root, and the right to mount"
    elif run "$title" hack/image.sh --arch amd64 --arch arm64 --again; then
        sed -n '/^  archive/,$p' "$stage_log"
        archives=(build/image/pullthrough-*-"$(dpkg --print-architecture)".tar)
        image=(--image "${archives[-1]}")
        pytest_is_here "image: the program from it" || return 0
        mkdir -p build/image
        run_tests "image: the program from it" build/image/pytest.xml \
            pytests image tests/image || true
    else
        not_run "image: the program from it"
    fi
}

image=() # for hack/e2e.sh: it makes one unless an earlier stage has

# All of it together: a node of our own, the image in it, the chart by Helm, and every fault.
test_e2e() {
    local title="a whole cluster: pods from the cache, under load and faults"
    if ! unshare --mount --net --pid --fork true 2>/dev/null; then
        skip "$title" "that takes root, and a network of its own"
    elif cluster_tools_can_be_had "$title"; then
        run_tests "$title" build/e2e/pytest.xml hack/e2e.sh "${image[@]}" || true
        sed -n '/generated xml file/,/^=/{/^[a-z ]/p}' "$stage_log"
    fi
}

for name in "$@"; do
    "test_$name"
done

printf '\n%-8s %7s  %11s  %s\n' result time tests stage
printf '%s\n' "${rows[@]}"
printf 'all in %d s\n\n' $((SECONDS - start))
sum="$passed passed, $failed failed"
((skipped == 0)) || sum+=", $skipped skipped"
printf '%s\n' "$sum"
((failed == 0))
