#!/usr/bin/env bash
# Make build/venv: Debian's Python and its packages, with those of tests/it/requirements.txt on
# top. Running it again does nothing while the requirements stay the same.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
"") ;;
-h | --help)
    printf 'usage: hack/venv.sh    (makes build/venv, for tests/it)\n'
    exit 0
    ;;
*)
    printf 'usage: hack/venv.sh\n' >&2
    exit 2
    ;;
esac

wanted=tests/it/requirements.txt
mark=build/venv/requirements.txt

if [ -x build/venv/bin/python ] && cmp -s "$wanted" "$mark"; then
    printf 'venv: build/venv is up to date\n'
    exit 0
fi

rm -rf build/venv
mkdir -p build
/usr/bin/python3 -m venv --system-site-packages build/venv
build/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: --requirement "$wanted"
cp "$wanted" "$mark"
printf 'venv: build/venv is ready\n'
