#!/usr/bin/env bash
# Build the programs that tests of the chart and of the cluster need, and say where they are:
# hack/tools.sh [--can | TOOL...]
#
# Prints "TOOL<tab>PATH" a line, for all that hack/tools pins unless some are named. A
# kube-apiserver, an etcd or a kubectl in the folder KUBEBUILDER_ASSETS goes first. Others are
# built from Go modules by what go.mod and go.sum say, once: they stay in PULLTHROUGH_TOOLS, by
# default pullthrough/tools in the user's cache folder. Needs Go 1.26, or one from 1.21 on that
# fetches it, and, the first time, a Go proxy; --can tells by its exit status whether it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tool, folder of its go.mod in hack/tools, package.
tools='
kube-apiserver           kubernetes       k8s.io/kubernetes/cmd/kube-apiserver
kubectl                  kubernetes       k8s.io/kubernetes/cmd/kubectl
etcd                     etcd             go.etcd.io/etcd/server/v3
helm3                    helm3            helm.sh/helm/v3/cmd/helm
helm4                    helm4            helm.sh/helm/v4/cmd/helm
helm-unittest            helm-unittest    github.com/helm-unittest/helm-unittest/cmd/helm-unittest
helm-docs                helm-docs        github.com/norwoodj/helm-docs/cmd/helm-docs
kube-apiserver-1.28      kubernetes-1.28  k8s.io/kubernetes/cmd/kube-apiserver
kube-controller-manager  kubernetes       k8s.io/kubernetes/cmd/kube-controller-manager
kube-scheduler           kubernetes       k8s.io/kubernetes/cmd/kube-scheduler
kubelet                  kubernetes       k8s.io/kubernetes/cmd/kubelet
kube-proxy               kubernetes       k8s.io/kubernetes/cmd/kube-proxy
containerd               containerd       github.com/containerd/containerd/v2/cmd/containerd
containerd-shim-runc-v2  containerd       github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
ctr                      containerd       github.com/containerd/containerd/v2/cmd/ctr
kustomize                kustomize        sigs.k8s.io/kustomize/kustomize/v5
kube-score               kube-score       github.com/zegl/kube-score/cmd/kube-score
crds                     crds             -
'
toolchain=go1.26.8 # where Go is older
cache=${PULLTHROUGH_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/pullthrough/tools}

say() {
    printf 'tools: %s\n' "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

row_of() { # TOOL
    awk -v tool="$1" '$1 == tool {print $2, $3}' <<<"$tools"
}

# The Go of the path, of where its installer puts it, or of Debian's versioned packages: 1.26, or
# one from 1.21 on, which can fetch that by the module proxy.
use_go() {
    local go version
    for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
        [ -x "$go" ] || continue
        version=$(GOTOOLCHAIN=local "$go" env GOVERSION)
        [[ $version =~ ^go1\.([0-9]+) ]] || continue
        ((BASH_REMATCH[1] >= 21)) || continue
        PATH=$(dirname "$go"):$PATH
        ((BASH_REMATCH[1] >= 26)) || export GOTOOLCHAIN=$toolchain
        return
    done
    fail "there is no Go 1.26, and none from 1.21 on that could fetch it (Go here: ${version:-none})"
}

version_of() { # FOLDER, MODULE
    (cd "hack/tools/$1" && go list -mod=readonly -m -f '{{.Version}}' "$2")
}

# What the projects' own release builds set: without it a server is v0.0.0, and Helm believes
# that clusters are of years ago.
link_flags() { # FOLDER
    local version numbers
    case $1 in
    kubernetes | kubernetes-*)
        version=$(version_of "$1" k8s.io/kubernetes)
        IFS=. read -ra numbers <<<"${version#v}"
        set -- "gitVersion=$version" "gitMajor=${numbers[0]}" "gitMinor=${numbers[1]}" \
            gitTreeState=clean
        printf -- '-X k8s.io/component-base/version.%s ' "$@"
        ;;
    helm[0-9])
        version=$(version_of "$1" "helm.sh/helm/v${1#helm}")
        printf -- '-X helm.sh/helm/v%s/internal/version.version=%s ' "${1#helm}" "$version"
        [ "$1" != helm3 ] || printf -- '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36 '
        ;;
    esac
}

# Its own folder for each edition of the pins, so that a change of them builds anew.
home_of() { # FOLDER
    local sum
    sum=$(cat "hack/tools/$1/go.mod" "hack/tools/$1/go.sum" | sha256sum | cut -c 1-12)
    printf '%s/%s-%s' "$cache" "$1" "$sum"
}

# No program: a folder with the definitions of the foreign kinds that the chart can make.
gather_crds() { # FOLDER of go.mod, PATH
    local module version where
    mkdir -p "$2.$$"
    while read -r module version; do
        where=$(cd "hack/tools/$1" && go mod download -json "$module@$version" |
            sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
        find "$where/deploy/crds" "$where/example/prometheus-operator-crd" \
            -regextype posix-extended \
            -regex '.*_(certificates|issuers|prometheusrules|servicemonitors)\.yaml' \
            -exec cp --no-preserve=mode -t "$2.$$" {} + 2>/dev/null || true
    done < <(sed -n 's/^\t\([a-z].*\/.*\) \(v.*\)$/\1 \2/p' "hack/tools/$1/go.mod")
    [ "$(find "$2.$$" -name '*.yaml' | wc -l)" = 4 ] ||
        fail "the definitions aren't where they were"
    mv "$2.$$" "$2"
}

build() { # TOOL, FOLDER, PACKAGE, PATH
    local start=$SECONDS flags lock
    use_go
    flags=$(link_flags "$2")
    mkdir -p "$(dirname "$4")"
    exec {lock}>"$4.lock" # somebody else may be building it
    flock "$lock"
    if [ -e "$4" ]; then
        return
    fi
    say "building $1, once"
    if [ "$1" = crds ]; then
        gather_crds "$2" "$4"
        return
    fi
    # providerless: an old Kubernetes without the clouds that it had in it.
    (cd "hack/tools/$2" &&
        CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -tags providerless \
            -ldflags "-s -w $flags" -o "$4.$$" "$3") >&2
    mv "$4.$$" "$4"
    say "built $1 in $((SECONDS - start)) s"
}

# Where TOOL is, built if it must be.
locate() { # TOOL
    local folder package path
    read -r folder package <<<"$(row_of "$1")"
    path=${KUBEBUILDER_ASSETS:-}/$1
    case $1 in
    kube-apiserver | etcd | kubectl) ;;
    *) path= ;;
    esac
    if [ -z "${KUBEBUILDER_ASSETS:-}" ] || [ ! -x "$path" ]; then
        path=$(home_of "$folder")/$1
        [ -x "$path" ] || build "$1" "$folder" "$package" "$path"
    fi
    printf '%s\t%s\n' "$1" "$path"
}

case ${1:-} in
-h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
--can)
    use_go
    exit 0
    ;;
esac
[ $# -gt 0 ] || mapfile -t all < <(awk 'NF {print $1}' <<<"$tools")
[ $# -gt 0 ] || set -- "${all[@]}"
for tool in "$@"; do
    [ -n "$(row_of "$tool")" ] || fail "there is no tool \"$tool\""
done
for tool in "$@"; do
    locate "$tool"
done
