#!/usr/bin/env bash
# Install what builds the image: install-packages.sh [ARCH].
#
# Runs in a Debian 12 container, as root: first without ARCH, for the container's own. With a
# foreign one it adds that (multiarch), its compiler and its libraries; with its own, nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 "$@"
}

# Debian's own sources also as source packages, for curl. There are two forms of such files.
add_source_packages() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$file" ] || sed -i -E '/^deb[[:space:]].*bookworm/ { p; s/^deb/deb-src/ }' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$file" ] ||
            sed -i -E 's/^Types:[[:space:]]*deb[[:space:]]*$/Types: deb deb-src/' "$file"
    done
}

install_own() {
    add_source_packages
    hack/deps.sh build # also brings yyjson, which isn't in Debian 12
    apt_get update
    apt_get dist-upgrade # a base image may be older than the last security update
    apt_get install --no-install-recommends dpkg-dev make
}

install_foreign() {
    local compiler
    compiler=gcc-$(dpkg-architecture -f -a"$1" -qDEB_HOST_GNU_TYPE 2>/dev/null)
    dpkg --add-architecture "$1"
    apt_get update
    apt_get install --no-install-recommends "${compiler//_/-}" \
        {libc6,libh2o-evloop,libssl,libyyjson,libjansson,libyaml,zlib1g}-dev:"$1"
}

if [ -z "${1:-}" ]; then
    install_own
elif [ "$1" != "$(dpkg --print-architecture)" ]; then
    install_foreign "$1"
fi
