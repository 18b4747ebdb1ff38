#!/bin/sh
# Checks style and types and runs the tests, in .venv, which is made if need be.
#
#   sh scripts/test.sh                    all tests but those marked slow
#   sh scripts/test.sh --all              the slow ones too
#   sh scripts/test.sh tests/crystal -x   anything else goes to pytest, with paths from the root of the project
set -eu

cd "$(dirname "$0")/.."
sh scripts/environment.sh --extras test,dev,plot,cli,potentials
python=.venv/bin/python

if [ "${1:-}" = --all ]; then
    shift
elif [ $# -eq 0 ]; then
    set -- -m "not slow"
fi
# before the arguments, so that what the user says wins
set -- -n "${MSJAX_TEST_WORKERS:-2}" --dist worksteal "$@"

failed=
check() {
    echo "== $1"
    shift
    "$@" || failed=yes
}
check "ruff check" "$python" -m ruff check
check "ruff format" "$python" -m ruff format --check
check "pyright" "$python" -m pyright --pythonpath "$python"
echo "== pytest"
"$python" -m pytest "$@" || failed=yes
[ -z "$failed" ] || {
    echo "msjax: something above failed" >&2
    exit 1
}
