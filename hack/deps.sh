#!/usr/bin/env bash
# Install the Debian 12 or 13 packages that a purpose needs: hack/deps.sh [build|demo|image|test|e2e|all].
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
python3-pytest-xdist  runs them beside each other
python3-jsonpatch     applies our patches, independently
python3-yaml          reads what tests configure
python3-jsonschema    checks the dashboard
prometheus            tries the alerts, and the queries of the dashboard
python3-venv          hack/venv.sh: a Python with botocore
iproute2              networks with IPv6 alone, and that of a cluster
docker-registry       the upstream that the AWS stand-in pulls from
skopeo                pulls from the AWS stand-in
clang                 the second compiler, and the fuzzer
libclang-rt-dev       its sanitizers
llvm                  names for its sanitizer reports
clang-format          layout
clang-tidy            static checks
shellcheck            the same for scripts
gcovr                 line coverage
valgrind              counts instructions
zsh                   completes commands
fish                  the same
mandoc                checks the manual page
chromium-headless-shell  looks at the page of the status port
fonts-dejavu-core     what it writes with
'
# The programs of a cluster are built with Go 1.26. Any from 1.21 on fetches that as a module.
packages_go='
golang-1.24-go        fetches the Go that hack/tools.sh builds with
'
packages_e2e='
runc                  runs the containers of a cluster on this machine
containernetworking-plugins  gives them a network
iptables              Services, for kube-proxy
conntrack             the same
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

go_is_here() {
    local go version
    for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
        [ -x "$go" ] || continue
        version=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null || true)
        [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)) && return
    done
    return 1
}

packages_for() {
    go_is_here && packages_go=
    case $1 in
    build) printf '%s' "$packages_build" ;;
    demo) printf '%s' "$packages_build$packages_demo" ;;
    image) printf '%s' "$packages_image" ;;
    test) printf '%s' "$packages_build$packages_demo$packages_image$packages_test$packages_go" ;;
    e2e)
        printf '%s' "$packages_build$packages_demo$packages_image$packages_test$packages_go$packages_e2e"
        ;;
    all)
        printf '%s' "$packages_build$packages_demo$packages_image$packages_test$packages_go$packages_e2e" \
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

# Those of the arguments that apt has no version of, one a line. It is asked once: it may need a
# second to read its lists, each time.
without_candidate() {
    local known
    known=$(LC_ALL=C apt-cache policy "$@" 2>/dev/null |
        awk '/^[^ ]/ {sub(/:.*/, ""); name = $0} /^  Candidate: [^(]/ {print name}')
    printf '%s\n' "$@" | grep -vxF -f <(printf '%s\n' "$known") || true
}

# The paragraph or line of an apt source file that brings this Debian itself, turned to another
# one: same archive, same key, same options; `main` only.
other_from_sources() { # FILE.sources SUITES OTHER
    awk -v suites_wanted="(^| )($2)( |\$)" -v other="$3" '
    function flush() {
        if (types ~ /(^| )deb( |$)/ && suites ~ suites_wanted && enabled != "no" && !done) {
            printf "Types: deb\n%sSuites: %s\nComponents: main\n", kept, other
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

other_from_list() { # FILE.list SUITES OTHER
    local blank='[[:space:]]' word='[^[:space:]]+'
    sed -En "/^$blank*deb($blank+\[[^]]*\])?$blank+$word$blank+($2)$blank/ {
        s/^$blank*(deb($blank+\[[^]]*\])?$blank+$word).*/\1 $3 main/p
        q
    }" "$1"
}

install_file() { # PATH, text on standard input
    as_root tee "$1" >/dev/null
    as_root chmod 0644 "$1"
    say "wrote $1"
}

# yyjson isn't in Debian 12, nor a Go that can fetch a newer one, and h2o isn't in Debian 13. Each
# runs on the other's libraries, so it is taken from there, and nothing else with it.
borrow() { # PACKAGE PATTERN OUR-SUITES OTHER
    local package=$1 pattern=$2 other=$4 file kind text='' name pattern_name
    for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        kind=list
        [ "${file%.sources}" = "$file" ] || kind=sources
        text=$("other_from_$kind" "$file" "$3" "$other")
        [ -z "$text" ] || break
    done
    [ -n "$text" ] || fail "$package: it is in Debian's $other, but no apt source of this machine" \
        "names $release (${3%%|*}), so there is no archive to derive it from"
    say "$package isn't in $release: taking it, and nothing else, from Debian's $other"
    pattern_name=${pattern#lib}
    name=$other-${pattern_name//./} # apt passes over preferences with an extension
    # The pin first: without it the new source would offer all of the other Debian.
    install_file "/etc/apt/preferences.d/$name" <<PIN
Package: *
Pin: release n=$other
Pin-Priority: -10

Package: $pattern*:any
Pin: release n=$other
Pin-Priority: 500
PIN
    install_file "/etc/apt/sources.list.d/$name.$kind" <<<"$text"
}

# What this Debian lacks, the start of the names that are taken, this one's suites, the other.
borrowed='
bookworm  libyyjson-dev      libyyjson    bookworm|oldstable  trixie
bookworm  golang-1.24-go     golang-1.24  bookworm|oldstable  trixie
trixie    libh2o-evloop-dev  libh2o       trixie|stable       bookworm
'

borrow_missing() {
    local here package pattern suites other
    while read -r here package pattern suites other; do
        [ "debian $here" = "$release" ] || continue
        [[ " ${missing[*]} " = *" $package "* ]] || continue
        [ -z "$(without_candidate "$package")" ] ||
            borrow "$package" "$pattern" "$suites" "$other"
    done <<<"$borrowed"
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
    for daemon in docker-registry prometheus; do
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
    fail "this is $release; what is supported is Debian 12 and 13 with apt. Elsewhere:" \
        "docker build -f deploy/Dockerfile ."
fi

mapfile -t wanted <<<"$list"
mapfile -t missing < <(missing_of "${wanted[@]}")
if [ ${#missing[@]} = 0 ]; then
    say "all ${#wanted[@]} packages for '$purpose' are installed"
    exit 0
fi
case $release in
"debian bookworm" | "debian trixie") ;;
*) say "this is $release; what is supported is Debian 12 and 13: trying" ;;
esac
say "${#missing[@]} of ${#wanted[@]} packages for '$purpose' are missing: ${missing[*]}"
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "installing needs root, and there is no sudo: run hack/deps.sh $purpose as root"
fi

# shellcheck source=hack/stage.sh
. hack/stage.sh
borrow_missing
stage "apt-get update" apt_get update
mapfile -t unknown < <(without_candidate "${missing[@]}")
[ ${#unknown[@]} = 0 ] || fail "apt on $release has no package ${unknown[*]}." \
    "Without: docker build -f deploy/Dockerfile -t pullthrough:0.1.0 ."
stage "apt-get install ${#missing[@]} packages" install_packages "${missing[@]}"
mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} = 0 ] || fail "still missing: ${missing[*]}"
say "all ${#wanted[@]} packages for '$purpose' are installed"
