#!/usr/bin/env bash
# A whole cluster with our image and our chart, pods that start from the cache, and every fault
# that we can make: hack/e2e.sh [OPTION...] [PYTEST-ARGUMENT...]
#
#   --soak SECONDS           of random faults at the end; 120 by default, 1800 for a release
#   --seed NUMBER            of the soak: an earlier run printed it
#   --tls self|files         where the webhook's certificate comes from; test_6_tls.py tries all
#   --keep DIR               use the cluster in DIR (hack/cluster.sh up DIR), and leave it running
#   --image FILE             an archive of the image that is there; else hack/image.sh makes it
#   --use-kubeconfig IMAGE   on the cluster of KUBECONFIG, what makes sense there: REPOSITORY:TAG of
#                            an image that it can pull. Nothing is left behind
#
# Debian 12, root, and Go the first time (--use-kubeconfig: neither root nor Debian).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=hack/stage.sh
. hack/stage.sh

usage() {
    sed -n '2,15s/^# \{0,1\}//p' hack/e2e.sh
}

wrong_usage() {
    usage >&2
    exit 2
}

keep='' archive='' foreign='' arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --soak | --seed | --tls)
        [ $# -ge 2 ] || wrong_usage
        arguments+=("$1=$2")
        shift
        ;;
    --keep)
        keep=${2:?$(usage)}
        shift
        ;;
    --image)
        archive=$(realpath "${2:?$(usage)}")
        shift
        ;;
    --use-kubeconfig)
        foreign=${2:?$(usage)}
        shift
        ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

# Which test files, unless some are named.
files=(tests/e2e)
for each in "${arguments[@]}"; do
    case $each in
    -*) ;;
    *.py | *.py::*) files=() ;;
    esac
done
junit=$PWD/build/e2e/pytest.xml
pytest=(/usr/bin/python3 -B -m pytest -v --tb=short -p no:cacheprovider --junitxml="$junit"
    "${files[@]}" "${arguments[@]}")
mkdir -p build/e2e
rm -f "$junit"

status=0
if [ -n "$foreign" ]; then
    hack/tools.sh helm3 kubectl >/dev/null
    env -u PULLTHROUGH_CLUSTER PULLTHROUGH_IMAGE="$foreign" \
        KUBECONFIG="${KUBECONFIG:-$HOME/.kube/config}" "${pytest[@]}" || status=$?
    exit "$status"
fi

if [ "$(id -u)" != 0 ]; then
    printf 'e2e: needs root; with --use-kubeconfig it takes a cluster that is there\n' >&2
    exit 1
fi
hack/deps.sh e2e
hack/tools.sh helm3 kubectl crds >/dev/null
ctr=$(hack/tools.sh ctr | cut -f 2)
if [ -z "$archive" ]; then
    hack/image.sh
    archives=(build/image/pullthrough-*-"$(dpkg --print-architecture)".tar)
    archive=${archives[-1]}
fi

# Fails, too, when the machine is not as it was.
end_cluster() {
    local status=$?
    hack/cluster.sh down "$folder" || status=1
    rm -f "$stage_log"
    exit "$status"
}

folder=$keep
if [ -z "$folder" ]; then
    folder=$(mktemp -d "${TMPDIR:-/tmp}/pullthrough-e2e.XXXXXX")
    trap end_cluster EXIT
    trap 'exit 130' INT TERM
fi
stage "a cluster in $folder" hack/cluster.sh up "$folder"
stage "our image into it" "$ctr" -a "$folder/containerd.sock" -n k8s.io images import "$archive"

KUBECONFIG=$folder/inside.kubeconfig PULLTHROUGH_CLUSTER=$folder \
    hack/cluster.sh exec "$folder" "${pytest[@]}" || status=$?
if [ "$status" != 0 ]; then
    rm -rf build/e2e/logs
    cp -r "$folder/logs" build/e2e/logs
    printf 'e2e: what the cluster wrote: build/e2e/logs\n'
fi
exit "$status"
