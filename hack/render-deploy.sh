#!/usr/bin/env bash
# Render deploy/*.yaml, for people without Helm, from the chart: hack/render-deploy.sh [--check]
#
# With --check nothing is written, and the exit status is 1 if a file isn't what it would be.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
"" | --check) ;;
-h | --help)
    sed -n '2,4s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*)
    printf 'usage: hack/render-deploy.sh [--check]\n' >&2
    exit 2
    ;;
esac

helm=$(hack/tools.sh helm4 | cut -f 2)
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

render() { # FILE, WHAT, --set...
    local file=$1 what=$2
    shift 2
    {
        printf '# %s\n' "$what"
        printf '# Put your image in the place of registry.example/pullthrough; then:\n'
        printf '#     kubectl apply -f %s\n' "$file"
        printf '# Rendered from charts/pullthrough by hack/render-deploy.sh.\n'
        printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: pullthrough\n'
        "$helm" template pullthrough charts/pullthrough --namespace pullthrough --no-hooks \
            --set image.repository=registry.example/pullthrough "$@"
    } | sed -e '/^# Source: /d' -e '/^    helm\.sh\/chart: /d' -e '/^        helm\.sh\/chart: /d' \
        -e 's/app.kubernetes.io\/managed-by: Helm/app.kubernetes.io\/managed-by: manifests/' \
        >"$new/$(basename "$file")"
}

render deploy/pullthrough.yaml "pullthrough with certificates of its own."
render deploy/pullthrough-cert-manager.yaml "pullthrough with certificates of cert-manager." \
    --set tls.mode=files --set tls.files.certManager.enabled=true

status=0
for file in "$new"/*; do
    name=deploy/$(basename "$file")
    cmp -s "$file" "$name" && continue
    if [ "${1:-}" = --check ]; then
        printf '%s is not what the chart renders: run hack/render-deploy.sh\n' "$name"
        diff -u "$name" "$file" || true
        status=1
    else
        mkdir -p deploy
        cp "$file" "$name"
        printf 'wrote %s\n' "$name"
    fi
done
exit "$status"
