#!/usr/bin/env bash
# Show what pullthrough does to pods: hack/demo.sh [--keep].
#
# Installs what is needed, builds, starts the webhook on this machine, and sends it three reviews
# as an API server sends them. No account, no cluster, nothing leaves the machine but apt.
# --keep leaves the webhook running at the end, and says how to stop it.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
case "$#${1:-}" in
0) ;;
1--keep) keep=yes ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = -h ] || [ "${1:-}" = --help ] || exit 2
    exit 0
    ;;
esac

hack/deps.sh demo
hack/build.sh release

program=$PWD/build/release/src/pullthrough
samples=tests/fixtures/review/samples
folder=$(mktemp -d "${TMPDIR:-/tmp}/pullthrough-demo.XXXXXX")
pid=

clean_up() {
    local status=$?
    if [ "$keep" = yes ] && [ "$status" = 0 ]; then
        return
    fi
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() {
    printf '\n== %s\n' "$*"
}

# A CA, and a certificate for 127.0.0.1 that it signs: what cert-manager would give.
make_certificates() {
    local ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -x509 -days 2)
    openssl req "${ec[@]}" -subj "/CN=demo CA" -keyout "$folder/ca.key" -out "$folder/ca.crt" &&
        openssl req "${ec[@]}" -subj "/CN=demo" -addext "subjectAltName=IP:127.0.0.1" \
            -addext "basicConstraints=critical,CA:FALSE" \
            -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
            -keyout "$folder/tls.key" -out "$folder/tls.crt"
}

# The value of field $1, which is text, in the log line "listening".
listening() {
    sed -En "/\"listening\"/ s/.*\"$1\":\"([^\"]*)\".*/\1/p" "$folder/log"
}

wait_until_it_listens() {
    local tries=0
    until [ -n "$(listening webhook)" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ] || ! kill -0 "$pid" 2>/dev/null; then
            printf 'the webhook does not listen; it says:\n' >&2
            cat "$folder/log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

metrics() {
    curl -sS --max-time 10 "http://$(listening status)/metrics" |
        grep -E '^pullthrough_(reviews|images)_total' | sort
}

post() { # SAMPLE TITLE
    say "$2"
    curl -sS --max-time 10 --fail --cacert "$folder/ca.crt" --data-binary "@$samples/$1.json" \
        -H 'Content-Type: application/json' -o "$folder/answer" "https://$(listening webhook)/mutate"
    hack/explain-answer "$program" "$folder/config.yaml" "$samples/$1.json" "$folder/answer"
}

make_certificates 2>"$folder/openssl.log" || {
    cat "$folder/openssl.log" >&2
    exit 1
}
cat >"$folder/config.yaml" <<CONFIG
registry: {account: "111122223333", region: us-west-2}
reconcile: {mode: "off"}      # ask AWS nothing
rewrite: {requireRule: false} # so take the rules to be there
listen: {webhook: "127.0.0.1:0", status: "127.0.0.1:0"}
tls: {mode: files, certFile: $folder/tls.crt, keyFile: $folder/tls.key}
server: {drain: 0s}
log: {format: json}
CONFIG
"$program" serve --config "$folder/config.yaml" </dev/null >/dev/null 2>"$folder/log" &
pid=$!
wait_until_it_listens
say "pullthrough listens on https://$(listening webhook)/mutate, and tells on http://$(listening status)"
cat "$folder/config.yaml"
metrics >"$folder/before"

post admissionreview-create-pod "A pod is created"
post admissionreview-update-ephemeralcontainers "A debug container is added to a running pod"
post admissionreview-update-pod "A label of a running pod changes"

say "What /metrics counted"
metrics >"$folder/after"
awk 'NR == FNR { before[$1] = $2; next } $2 != before[$1] { printf "  +%d  %s\n", $2 - before[$1], $1 }' \
    "$folder/before" "$folder/after"

if [ "$keep" = yes ]; then
    say "It goes on: pid $pid, log and certificates in $folder"
    printf 'try   curl http://%s/status\n' "$(listening status)"
    printf '      build/release/src/pullthrough rewrite --explain --config %s/config.yaml redis:7\n' "$folder"
    printf 'stop  kill %s; rm -r %s\n' "$pid" "$folder"
else
    say "It stops now; hack/demo.sh --keep leaves it running"
fi
