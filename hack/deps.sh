#!/usr/bin/env bash
# Install the Debian 12 packages that a purpose needs: hack/deps.sh [build|demo|image|test|e2e|all].
#
# Looks first and does nothing when all is there. Needs root (or sudo) otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: hack/deps.sh [build|demo|image|test|e2e|all]
  build  compile the program
  demo   build, and what hack/demo.sh calls
  image  what hack/image.sh calls where there is no docker and no podman
  test   demo, image, and what hack/test.sh calls
  e2e    test, and what hack/cluster.sh and hack/e2e.sh call
  all    e2e, and what hack/bench.sh calls (the default)"

# Package and reason. A later purpose includes the earlier ones, but image, which stands alone.
packages_build='
gcc                   the compiler
libc6-dev             its C library
cmake                 describes the build
ninja-build           runs it
pkg-config            finds the libraries
git                   names the commit that the program is built from
libh2o-evloop-dev     HTTP server
libssl-dev            TLS, certificates, hashes
libcurl4-openssl-dev  HTTP client
libyyjson-dev         reads reviews
libjansson-dev        all other JSON
libyaml-dev           configuration and manifests
ca-certificates       the roots that AWS is checked against
'
packages_demo='
curl                  posts the reviews
openssl               makes the certificates
python3               shows what the answers say
'
packages_image='
buildah               builds the image
golang-github-containers-common  the seccomp profile of container engines
mmdebstrap            makes a Debian 12 to build in, where none can be pulled
python3               writes the archive
skopeo                reads the archive
runc                  runs the image
qemu-user-static      runs that of another architecture
openssl               makes certificates for it
python3-jsonpatch     reads its answers
python3-yaml          writes its configuration
'
packages_test='
libcmocka-dev         unit tests
python3-pytest        tests of the running program
python3-jsonpatch     applies our patches, independently
python3-yaml          reads what tests configure
python3-venv          hack/venv.sh: a Python with botocore
docker-registry       the upstream that the AWS stand-in pulls from
skopeo                pulls from the AWS stand-in
clang                 the second compiler, and the fuzzer
libclang-rt-14-dev    its sanitizers
llvm                  names for its sanitizer reports
clang-format          layout
clang-tidy            static checks
shellcheck            the same for scripts
gcovr                 line coverage
valgrind              counts instructions
'
packages_e2e='
containerd            runs the pods of a cluster on this machine
runc                  for it
containernetworking-plugins  gives them a network
iptables              Services, for kube-proxy
conntrack             the same
iproute2              the network of the cluster itself
busybox-static        what the test images hold
'
packages_all='
wrk                   load
'

say() {
    printf 'deps: %s\n' "$*"
}

fail() {
    printf 'deps: %s\n' "$*" >&2
    exit 1
}

packages_for() {
    case $1 in
    build) printf '%s' "$packages_build" ;;
    demo) printf '%s' "$packages_build$packages_demo" ;;
    image) printf '%s' "$packages_image" ;;
    test) printf '%s' "$packages_build$packages_demo$packages_image$packages_test" ;;
    e2e)
        printf '%s' "$packages_build$packages_demo$packages_image$packages_test$packages_e2e"
        ;;
    all)
        printf '%s' "$packages_build$packages_demo$packages_image$packages_test$packages_e2e" \
            "$packages_all"
        ;;
    *) return 1 ;;
    esac | awk 'NF && !seen[$1]++ {print $1}'
}

# Those of the arguments that aren't installed, one a line.
missing_of() {
    local installed
    # shellcheck disable=SC2016 # the format is dpkg-query's
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    printf '%s\n' "$@" | grep -vxF -f <(sed -n 's/^installed //p' <<<"$installed") || true
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Whether apt has a version of package $1 to install.
has_candidate() {
    [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" =~ Candidate:\ [^\(] ]]
}

# The paragraph or line of an apt source file that brings Debian 12 itself, turned to
# Debian 13: same archive, same key, same options; `main` only.
trixie_from_sources() { # FILE.sources
    awk '
    function flush() {
        if (types ~ /(^| )deb( |$)/ && suites ~ /(^| )(bookworm|oldstable)( |$)/ && enabled != "no" && !done) {
            printf "Types: deb\n%sSuites: trixie\nComponents: main\n", kept
            done = 1
        }
        types = suites = kept = field = ""; enabled = "yes"
    }
    BEGIN { enabled = "yes" }
    /^#/ { next }
    /^[ \t]*$/ { flush(); next }
    /^[^ \t]/ { field = tolower($0); sub(/:.*/, "", field); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
    /^[ \t]/ { value = $0 }
    field == "types" { types = types " " value; next }
    field == "suites" { suites = suites " " value; next }
    field == "components" { next }
    field == "enabled" { enabled = tolower(value); next }
    { kept = kept $0 "\n" }
    END { flush() }' "$1"
}

trixie_from_list() { # FILE.list
    local blank='[[:space:]]' word='[^[:space:]]+'
    sed -En "/^$blank*deb($blank+\[[^]]*\])?$blank+$word$blank+(bookworm|oldstable)$blank/ {
        s/^$blank*(deb($blank+\[[^]]*\])?$blank+$word).*/\1 trixie main/p
        q
    }" "$1"
}

install_file() { # PATH, text on standard input
    as_root tee "$1" >/dev/null
    as_root chmod 0644 "$1"
    say "wrote $1"
}

# yyjson isn't in Debian 12. Debian 13 has it, and its build runs on Debian 12's libc.
add_trixie_for_yyjson() {
    local file kind text=
    for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        kind=list
        [ "${file%.sources}" = "$file" ] || kind=sources
        text=$("trixie_from_$kind" "$file")
        [ -z "$text" ] || break
    done
    [ -n "$text" ] || fail "libyyjson-dev: it is in Debian 13, but no apt source of this machine" \
        "names Debian 12 (bookworm), so there is no archive to derive it from"
    say "libyyjson-dev isn't in Debian 12: taking it, and nothing else, from Debian 13"
    # The pin first: without it the new source would offer all of Debian 13.
    install_file /etc/apt/preferences.d/trixie-yyjson <<'PIN'
Package: *
Pin: release n=trixie
Pin-Priority: -10

Package: libyyjson*:any
Pin: release n=trixie
Pin-Priority: 500
PIN
    install_file "/etc/apt/sources.list.d/trixie-yyjson.$kind" <<<"$text"
}

# Packages with a daemon start it when they are installed, now and at every boot. Here they are
# tools that tests start themselves; this policy is what package scripts ask.
policy=/usr/sbin/policy-rc.d

install_packages() {
    local status=0 daemon
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"; rm -f "$stage_log"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 0755 "$policy"
    fi
    apt_get install --no-install-recommends "$@" || status=$?
    for daemon in docker-registry containerd; do
        if [[ " $* " = *" $daemon "* ]] && [ -d /run/systemd/system ]; then
            as_root systemctl disable "$daemon" || true
        fi
    done
    return "$status"
}

system_release() {
    # shellcheck disable=SC1091 # the machine's own file
    (. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_CODENAME:-${VERSION_ID:-}}") \
        2>/dev/null || printf 'unknown system'
}

purpose=${1:-all}
case $purpose in
-h | --help)
    printf '%s\n' "$usage"
    exit 0
    ;;
esac
if [ $# -gt 1 ] || ! list=$(packages_for "$purpose"); then
    printf '%s\n' "$usage" >&2
    exit 2
fi
release=$(system_release)
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this is $release; what is supported is Debian 12 with apt"
fi

mapfile -t wanted <<<"$list"
mapfile -t missing < <(missing_of "${wanted[@]}")
if [ ${#missing[@]} = 0 ]; then
    say "all ${#wanted[@]} packages for '$purpose' are installed"
    exit 0
fi
[ "$release" = "debian bookworm" ] || say "this is $release; what is supported is Debian 12: trying"
say "${#missing[@]} of ${#wanted[@]} packages for '$purpose' are missing: ${missing[*]}"
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "installing needs root, and there is no sudo: run hack/deps.sh $purpose as root"
fi

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage "apt-get update" apt_get update
if [ "$release" = "debian bookworm" ] && ! has_candidate libyyjson-dev; then
    if [ -n "$(missing_of libyyjson-dev)" ]; then
        add_trixie_for_yyjson
        stage "apt-get update, with Debian 13 for libyyjson" apt_get update
    fi
fi
for package in "${missing[@]}"; do
    has_candidate "$package" || fail "apt on $release has no package $package"
done
stage "apt-get install ${#missing[@]} packages" install_packages "${missing[@]}"
mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} = 0 ] || fail "still missing: ${missing[*]}"
say "all ${#wanted[@]} packages for '$purpose' are installed"
