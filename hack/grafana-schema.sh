#!/usr/bin/env bash
# Write tests/fixtures/grafana/schema.json, the JSON schema of Grafana's dashboards, from the types that
# Grafana publishes on npm: hack/grafana-schema.sh. No argument. Needs npm and a way to its registry;
# tests don't, they read what is committed. hack/tools/grafana pins the versions.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/stage.sh
. hack/stage.sh
stage_arguments "" "$@"
command -v npm >/dev/null || {
    printf 'grafana-schema: npm is not installed\n' >&2
    exit 1
}

written=$PWD/tests/fixtures/grafana/schema.json
folder=build/grafana-schema
mkdir -p "$folder" "$(dirname "$written")"
cp hack/tools/grafana/* "$folder"
cd "$folder"
stage "npm ci" npm ci --ignore-scripts --no-audit --no-fund
stage "make the schema" node_modules/.bin/ts-json-schema-generator --path checked.ts \
    --tsconfig tsconfig.json --type Checked --no-type-check --jsDoc none --expose none --minify \
    -o schema.json
{
    cat schema.json
    printf '\n'
} >"$written"
git --no-pager diff --stat HEAD -- "$written"
