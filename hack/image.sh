#!/usr/bin/env bash
# Build the container image: hack/image.sh [--arch ARCH]... [--fresh] [--again] [--try].
#
#   --arch ARCH  amd64 or arm64; this machine's own by default; given twice, also one archive of both
#   --fresh      ask for the newest packages and build everything anew (else once a week)
#   --again      build the program and the root a second time, and see that the digest is the same
#   --try        run the image and ask it a review; measures its memory (as root)
#
# Takes docker, podman or buildah, whichever works first (PULLTHROUGH_ENGINE=NAME: that one). With
# buildah, where Debian 12 can't be pulled, it is made from this machine's apt sources
# (PULLTHROUGH_BASE=IMAGE: take that one as Debian 12). The result is
# build/image/pullthrough-VERSION-ARCH.tar, an OCI archive, and its SBOM beside it. What is kept
# between runs is in ~/.cache/pullthrough/image.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=hack/stage.sh
. hack/stage.sh

usage() {
    sed -n '2,14s/^# \{0,1\}//p' hack/image.sh
}

wrong_usage() {
    usage >&2
    exit 2
}

fail() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}

native_arch() {
    case $(uname -m) in
    x86_64) printf amd64 ;;
    aarch64) printf arm64 ;;
    *) uname -m ;;
    esac
}

native=$(native_arch)
arches=() fresh=no again=no try=no
while [ $# -gt 0 ]; do
    case $1 in
    --arch)
        [[ ${2:-} =~ ^(amd64|arm64)$ ]] || wrong_usage
        arches+=("$2")
        shift
        ;;
    --fresh) fresh=yes ;;
    --again) again=yes ;;
    --try) try=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) wrong_usage ;;
    esac
    shift
done
[ ${#arches[@]} -gt 0 ] || arches=("$native")
mapfile -t arches < <(printf '%s\n' "${arches[@]}" | sort -u)

out=build/image
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pullthrough/image
mkdir -p "$out" "$cache"
exec 9>"$cache/lock"
flock -n 9 || {
    printf 'image: waiting for another hack/image.sh\n'
    flock 9
}
work=$(mktemp -d "${TMPDIR:-/tmp}/pullthrough-image.XXXXXX")
trap 'rm -rf "$work"; rm -f "$stage_log"' EXIT
trap 'exit 130' INT TERM

# What is built from.

version=$(sed -n 's/^project(pullthrough VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
commit=unknown seconds=0
if git rev-parse --verify -q HEAD >/dev/null 2>&1; then
    commit=$(git rev-parse --short=12 HEAD) seconds=$(git log -1 --format=%ct)
    if [ -n "$(git status --porcelain)" ]; then
        commit=$commit-modified
        printf 'image: what is changed and not committed goes in, as %s\n' "$commit"
    fi
fi

# What it is built with.

works() { # ENGINE
    case $1 in
    docker) command -v docker && docker info ;;
    podman) command -v podman && podman info ;;
    buildah) command -v buildah && [ "$(id -u)" = 0 ] ;;
    *) false ;;
    esac >/dev/null 2>&1
}

find_engine() {
    local each
    for each in ${PULLTHROUGH_ENGINE:-docker podman buildah}; do
        if works "$each"; then
            printf '%s' "$each"
            return
        fi
    done
    return 1
}

# With a store of our own, nothing is left in anybody else's.
store=(--root "$cache/storage" --runroot "$cache/run")
export BUILDAH_ISOLATION=chroot # asks least of the machine: also works in a container

# The files that tell apt where Debian 12 comes from.
debian_sources() {
    local file
    for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        if [ -f "$file" ] && grep -Eq '^(Suites:|deb[[:space:]]).*[[:space:]]bookworm([[:space:]]|$)' "$file"; then
            printf '%s\n' "$file"
        fi
    done
}

# How apt reaches them from here: proxies, and checks that an old archive can't pass.
apt_options() {
    apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)[^ ]* ".+";$' || true
}

make_base() { # NAME
    local sources options container status=0
    mapfile -t sources < <(debian_sources)
    if [ ${#sources[@]} = 0 ]; then
        printf 'no apt source of this machine names Debian 12 (bookworm)\n'
        return 1
    fi
    mapfile -t options < <(apt_options)
    mmdebstrap --variant=minbase --include=ca-certificates "${options[@]/#/--aptopt=}" bookworm \
        "$work/base.tar" "${sources[@]}" || return
    container=$(buildah "${store[@]}" from scratch) || return
    { buildah "${store[@]}" add -q "$container" "$work/base.tar" / &&
        buildah "${store[@]}" commit -q "$container" "$1"; } || status=$?
    buildah "${store[@]}" rm "$container" && rm "$work/base.tar" || return
    return "$status"
}

# Sets base: as given, as made before, as pulled, or as made now.
find_base() {
    local key
    if [ -n "$base" ]; then
        stage "pull $base" buildah "${store[@]}" pull -q "$base"
        return
    fi
    key=$({ debian_sources | xargs -r cat && apt_options; } | sha256sum)
    base=localhost/pullthrough-base:${key:0:12}
    if buildah "${store[@]}" inspect --type image "$base" >/dev/null 2>&1; then
        return
    fi
    printf '== pull Debian 12\n'
    if timeout 60 buildah "${store[@]}" pull -q docker.io/library/debian:12 >/dev/null 2>&1; then
        base=docker.io/library/debian:12
    else
        printf '   not from here\n'
        stage "make Debian 12 from this machine's apt sources" make_base "$base"
    fi
}

# Layers of every week and every commit add up.
tidy_store() {
    local most_mib=10240 used_mib
    buildah "${store[@]}" rm --all >/dev/null # of a run that was interrupted
    used_mib=$(du -sm "$cache/storage" | cut -f 1)
    if ((used_mib > most_mib)); then
        printf 'image: %d MiB in %s: starting anew\n' "$used_mib" "$cache"
        buildah "${store[@]}" rmi --all --force >/dev/null
    fi
}

# build ARCH SAVED [AGAIN]: a docker-archive.
build() {
    local arch=$1 saved=$2 name=pullthrough-build:$1 options=()
    options=(--platform "linux/$arch" -f deploy/Dockerfile --build-arg COMMIT="$commit"
        --build-arg VERSION="$version" --build-arg SOURCE_DATE_EPOCH="$seconds"
        --build-arg PACKAGES_OF="$(date -u +%G-W%V)" --build-arg AGAIN="${3:-}")
    [ -z "$base" ] || options+=(--build-arg BASE="$base")
    [ "$fresh" = no ] || [ -n "${3:-}" ] || options+=(--no-cache)
    rm -f "$saved"
    case $engine in
    docker)
        DOCKER_BUILDKIT=1 docker build "${options[@]}" -t "$name" . &&
            docker save -o "$saved" "$name" && docker rmi "$name"
        ;;
    podman)
        podman build --layers --build-arg BUILDPLATFORM="linux/$native" "${options[@]}" \
            -t "localhost/$name" . &&
            podman save --format docker-archive -o "$saved" "localhost/$name" &&
            podman rmi "localhost/$name"
        ;;
    buildah)
        # Buildah before 1.30 knows no BUILDPLATFORM in FROM unless it is told.
        buildah "${store[@]}" build --layers --pull-never \
            --build-arg BUILDPLATFORM="linux/$native" "${options[@]}" -t "localhost/$name" . &&
            buildah "${store[@]}" push -q "localhost/$name" "docker-archive:$saved"
        ;;
    esac
}

base=${PULLTHROUGH_BASE:-}
if ! engine=$(find_engine); then
    [ -z "${PULLTHROUGH_ENGINE:-}" ] || fail "$PULLTHROUGH_ENGINE doesn't work here"
    [ "$(id -u)" = 0 ] || fail "neither docker nor podman works here; as root, it takes buildah"
    hack/deps.sh image
    engine=$(find_engine) || fail "buildah doesn't work here"
fi
printf 'image: pullthrough %s, commit %s, with %s\n' "$version" "$commit" "$engine"
if [ "$engine" = buildah ]; then
    tidy_store
    find_base
fi

archives=() saves=()
for arch in "${arches[@]}"; do
    archive=$out/pullthrough-$version-$arch.tar
    stage "build for $arch" build "$arch" "$work/$arch.tar"
    hack/oci-archive --name "pullthrough:$version" --time "$seconds" \
        --sbom "$out/pullthrough-$version-$arch.spdx.json" "$archive" "$work/$arch.tar"
    if [ "$again" = yes ]; then
        stage "build for $arch again" build "$arch" "$work/again.tar" "$work"
        hack/oci-archive --name "pullthrough:$version" --time "$seconds" "$work/again-oci.tar" \
            "$work/again.tar" >/dev/null
        cmp "$archive" "$work/again-oci.tar" || fail "the second build for $arch differs"
        printf '  again     the same, to the byte\n'
    fi
    archives+=("$archive")
    saves+=("$work/$arch.tar")
done
if [ ${#arches[@]} -gt 1 ]; then
    hack/oci-archive --name "pullthrough:$version" --time "$seconds" \
        "$out/pullthrough-$version.tar" "${saves[@]}"
fi
printf '\nWhat is inside (%s):\n' "$out/pullthrough-$version-${arches[0]}.spdx.json"
/usr/bin/python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    print("  {name:18} {versionInfo}".format(**package))' \
    <"$out/pullthrough-$version-${arches[0]}.spdx.json"

if [ "$try" = yes ]; then
    [ "$(id -u)" != 0 ] || hack/deps.sh image
    for archive in "${archives[@]}"; do
        printf '\n== try %s\n' "$archive"
        /usr/bin/python3 -B tests/image/try_image.py "$archive"
    done
fi
