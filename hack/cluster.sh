#!/usr/bin/env bash
# A whole Kubernetes node on this machine, for tests: hack/cluster.sh up|down DIR, or
# hack/cluster.sh exec DIR COMMAND...
#
#   up    etcd, kube-apiserver, controller manager, scheduler, kube-proxy, kubelet and containerd,
#         two registries and the AWS stand-in; prints the path of a kubeconfig. Does nothing where
#         it runs already, and cleans up after a run that was killed.
#   exec  runs a command in the cluster's network
#   down  ends it all and removes DIR
#
# Debian 12, root. Network, mounts and processes are its own, so the machine is left as it was.
# Kubernetes' and containerd's programs come from hack/tools.sh, which needs Go the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,12s/^# \{0,1\}//p' hack/cluster.sh
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
up | down) [ $# = 2 ] || set -- ;;
exec) [ $# -ge 3 ] || set -- ;;
*) set -- ;;
esac
if [ $# = 0 ]; then
    usage >&2
    exit 2
fi
if [ "$(id -u)" != 0 ]; then
    printf 'cluster: needs root\n' >&2
    exit 1
fi

tools=()
if [ "$1" = up ]; then
    hack/deps.sh e2e >&2
    names=(etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet
        containerd containerd-shim-runc-v2 ctr)
    while IFS=$'\t' read -r name path; do
        tools+=("$name=$path")
    done < <(hack/tools.sh "${names[@]}")
    [ ${#tools[@]} = ${#names[@]} ] || exit 1
fi
exec /usr/bin/python3 -B tests/e2e/node "$@" "${tools[@]}"
