#!/usr/bin/env bash
# Show what pullthrough does to pods: hack/demo.sh [--keep].
#
# Installs what is needed, builds, starts a stand-in for AWS and the webhook on this machine, lets
# the webhook make the ECR rules in an empty account, and sends it reviews as an API server sends
# them. No account, no cluster, nothing leaves the machine but apt.
# --keep leaves both running at the end, and says how to stop them.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
case "$#${1:-}" in
0) ;;
1--keep) keep=yes ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = -h ] || [ "${1:-}" = --help ] || exit 2
    exit 0
    ;;
esac

hack/deps.sh demo
hack/build.sh release

program=$PWD/build/release/src/pullthrough
samples=tests/fixtures/review/samples
folder=$(mktemp -d "${TMPDIR:-/tmp}/pullthrough-demo.XXXXXX")
aws_pid=
pid=

clean_up() {
    local status=$? each
    if [ "$keep" = yes ] && [ "$status" = 0 ]; then
        return
    fi
    for each in $pid $aws_pid; do
        if kill "$each" 2>/dev/null; then
            wait "$each" 2>/dev/null || true
        fi
    done
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

# wait_until PID LOG WHAT COMMAND...: at most 20 s.
wait_until() {
    local waited_for=$1 log=$2 what=$3 tries=0
    shift 3
    until "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 400 ] || ! kill -0 "$waited_for" 2>/dev/null; then
            printf '%s; the log says:\n' "$what" >&2
            cat "$log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

it_listens() {
    [ -n "$(listening webhook)" ]
}

aws_listens() {
    [ -s "$folder/aws.port" ]
}

# AWS's account has been looked at, and what was missing made.
a_pass_is_over() {
    curl -sS --max-time 10 -o "$folder/metrics" "http://$(listening status)/metrics" &&
        grep -qE '^pullthrough_reconcile_passes_total\{.*\} [1-9]' "$folder/metrics"
}

metrics() {
    curl -sS --max-time 10 "http://$(listening status)/metrics" |
        grep -E '^pullthrough_(reviews|images)_total' | sort
}

post() { # REVIEW TITLE
    say "$2"
    curl -sS --max-time 10 --fail --cacert "$folder/ca.crt" --data-binary "@$1" \
        -H 'Content-Type: application/json' -o "$folder/answer" "https://$(listening webhook)/mutate"
    curl -sS --max-time 10 --fail -o "$folder/status" "http://$(listening status)/status"
    hack/explain-answer "$program" "$folder/config.yaml" "$1" "$folder/answer" "$folder/status"
}

make_certificates 2>"$folder/openssl.log" || {
    cat "$folder/openssl.log" >&2
    exit 1
}

# AWS as far as the program asks it, with an empty account 111122223333.
python3 tests/fakes/aws >"$folder/aws.port" 2>"$folder/aws.log" </dev/null &
aws_pid=$!
wait_until "$aws_pid" "$folder/aws.log" "the stand-in for AWS does not start" aws_listens
aws=http://127.0.0.1:$(tr -cd '0-9' <"$folder/aws.port")
say "A stand-in for AWS answers on $aws: an account without a rule, and one secret"
# As `aws secretsmanager create-secret` would. ECR demands one for docker.io and for ghcr.io; the
# second is left out here.
curl -sS --max-time 10 --fail -X PUT -o /dev/null "$aws/_standin/secrets/ecr-pullthroughcache/dockerio" \
    -d '{"value": "{\"username\": \"somebody\", \"accessToken\": \"a-token\"}"}'
printf '  ecr-pullthroughcache/dockerio\n'

cat >"$folder/config.yaml" <<CONFIG
registry: {account: "111122223333", region: us-west-2}
aws: {endpoint: {ecr: "$aws", sts: "$aws", secretsmanager: "$aws"}}
listen: {webhook: "127.0.0.1:0", status: "127.0.0.1:0"}
tls: {mode: files, certFile: $folder/tls.crt, keyFile: $folder/tls.key}
server: {drain: 0s}
log: {format: json}
CONFIG
# The stand-in's own keys, so that none of the user's are looked for.
export AWS_ACCESS_KEY_ID=AKIASTANDINOPERATOR2 AWS_EC2_METADATA_DISABLED=true
export AWS_SECRET_ACCESS_KEY=standin/operator+not+a+real+secret+0000=
unset AWS_PROFILE AWS_SESSION_TOKEN
say "What pullthrough would do there: pullthrough rules apply --dry-run"
"$program" rules apply --dry-run --config "$folder/config.yaml" || [ $? = 1 ] # 1: there is something to do

: >"$folder/log" # it is read before serve has begun to write
"$program" serve --config "$folder/config.yaml" </dev/null >/dev/null 2>"$folder/log" &
pid=$!
wait_until "$pid" "$folder/log" "the webhook does not listen" it_listens
say "pullthrough serve: reviews go to https://$(listening webhook)/mutate, /status is on http://$(listening status)"
printf '  with this configuration:\n'
sed 's/^/    /' "$folder/config.yaml"
wait_until "$pid" "$folder/log" "nobody has looked at the rules" a_pass_is_over
say "What is in the account now: pullthrough rules list"
"$program" rules list --config "$folder/config.yaml" || [ $? = 1 ] # not all are ready
metrics >"$folder/before"

post "$samples/admissionreview-create-pod.json" "A pod is created"
sed 's/@sha256:[0-9a-f]*//' "$samples/admissionreview-create-pod.json" >"$folder/by-tag.json"
post "$folder/by-tag.json" "The same pod, with its first image by tag: the rule for ghcr.io lacks its secret"
post "$samples/admissionreview-update-ephemeralcontainers.json" \
    "A debug container is added to a running pod"
post "$samples/admissionreview-update-pod.json" "A label of a running pod changes"

say "What /metrics counted"
metrics >"$folder/after"
awk 'NR == FNR { before[$1] = $2; next } $2 != before[$1] { printf "  +%d  %s\n", $2 - before[$1], $1 }' \
    "$folder/before" "$folder/after"

say "What ECR has of a cluster's images before the switch: pullthrough warm --dry-run -f docs/examples/pods.yaml"
"$program" warm --dry-run -f docs/examples/pods.yaml --config "$folder/config.yaml" || [ $? = 1 ] # some are missing
say "What would become of the images of a cluster: pullthrough scan -f docs/examples/pods.yaml"
"$program" scan -f docs/examples/pods.yaml --config "$folder/config.yaml"

if [ "$keep" = yes ]; then
    say "It goes on: pid $pid, and $aws_pid for the stand-in; log and certificates in $folder"
    printf 'try   curl http://%s/status\n' "$(listening status)"
    printf '      build/release/src/pullthrough rewrite --explain --config %s/config.yaml redis:7\n' "$folder"
    printf 'stop  kill %s %s; rm -r %s\n' "$pid" "$aws_pid" "$folder"
else
    say "It stops now; hack/demo.sh --keep leaves it running"
fi
