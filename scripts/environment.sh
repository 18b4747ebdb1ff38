#!/bin/sh
# Makes a virtual environment with msjax installed from this checkout, or reuses a good one.
#
#   sh scripts/environment.sh [--venv DIR] [--extras LIST] [--python X.Y] [--constraints FILE]
#
# The newest working Python from 3.11 on is taken, unless --python asks for one version or the variable
# MSJAX_PYTHON names an interpreter. Needs the network only when something has to be installed.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd)

say() { printf '%s\n' "msjax: $*"; }
fail() {
    printf '%s\n' "msjax: $*" >&2
    exit 1
}

venv=.venv
extras=
wanted=
constraints=
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
    --venv) venv=$2 ;;
    --extras) extras=$2 ;;
    --python) wanted=$2 ;;
    --constraints) constraints=$2 ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done

# Prints "MINOR.MICRO" of an interpreter that can make an environment with pip; fails for anything else. It is run
# and not only looked up: a command on PATH may be a shim with nothing behind it.
probe() {
    "$1" -c '
import sys
if sys.version_info[:2] < (3, 11) or sys.implementation.name != "cpython":
    sys.exit(1)
import ctypes, ensurepip, ssl, venv, zlib
print("%d.%d" % sys.version_info[1:3])
' </dev/null 2>/dev/null
}

# One interpreter a line; names are tried on PATH, then the places where version managers keep theirs.
candidates() {
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        printf '%s\n' "$name"
    done
    for path in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python \
        "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/*/bin/python3 /usr/local/bin/python3.*[0-9]; do
        [ -x "$path" ] && printf '%s\n' "$path"
    done
    return 0
}

# Sets $python: the newest candidate, or the newest of the version asked for.
find_python() {
    python=$chosen
    [ -z "$python" ] || return 0
    python=$(
        candidates | while IFS= read -r candidate; do
            version=$(probe "$candidate") || continue
            [ -z "$wanted" ] || [ "3.${version%.*}" = "$wanted" ] || continue
            printf '%s\t%s\n' "$version" "$candidate"
        done | sort -s -t . -k 1,1nr -k 2,2nr | head -n 1 | cut -f 2
    )
    [ -n "$python" ] || if [ -n "$wanted" ]; then
        fail "Python $wanted is needed and no working one (with venv and pip) was found on PATH or among pyenv's versions"
    else
        fail "no working Python >= 3.11 (with venv and pip) was found on PATH or among pyenv's versions;" \
            "install one, or set MSJAX_PYTHON to an interpreter"
    fi
}

# The environment's own Python, if it works and is of the version asked for.
venv_works() {
    [ -f "$venv/pyvenv.cfg" ] || return 1
    version=$(probe "$venv/bin/python") || return 1
    [ -z "$wanted" ] || [ "3.${version%.*}" = "$wanted" ] || return 1
    "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

# Every extra of the list $1 is in the list $2.
contains() {
    for extra in $(printf '%s' "$1" | tr ',' ' '); do
        case ",$2," in *",$extra,"*) ;; *) return 1 ;; esac
    done
}

chosen=
if [ -n "${MSJAX_PYTHON:-}" ] && [ -z "$wanted" ]; then
    chosen=$MSJAX_PYTHON
    version=$(probe "$chosen") || fail "MSJAX_PYTHON=$chosen is not a working Python >= 3.11 with venv and pip"
    wanted=3.${version%.*}
fi

if ! venv_works; then
    if [ -e "$venv" ]; then
        [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
            fail "$venv is in the way and is not a virtual environment"
        say "$venv does not work, or is of another Python than asked for: making it anew"
        rm -rf "$venv"
    fi
    find_python
    say "making $venv with $("$python" -c 'import sys; print("Python", sys.version.split()[0], "from", sys.executable)')"
    "$python" -m venv "$venv"
fi

# Python 3.11 cannot have the newest JAX.
if [ -z "$constraints" ]; then
    case $(probe "$venv/bin/python") in
    11.*) constraints=constraints/oldest.txt ;;
    *) constraints=constraints/newest.txt ;;
    esac
fi
[ -f "$constraints" ] || fail "there is no constraints file $constraints"

# What was installed is noted in the environment: the same note again means that nothing has to be done.
hash=$({
    printf '%s\n' "$root"
    cat pyproject.toml "$constraints"
} | cksum | tr ' ' '-')
stamp=$venv/msjax-installed
noted=$(sed -n "s/^$hash //p" "$stamp" 2>/dev/null || true)
for line in ${noted:-}; do
    if contains "$extras" "${line#:}"; then
        say "using $venv"
        exit 0
    fi
done

say "installing msjax${extras:+[$extras]} and what it needs into $venv (some minutes the first time)"
log=$venv/msjax-install.log
if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
    -c "$constraints" -e ".${extras:+[$extras]}" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    fail "the installation failed; the whole log is $log"
fi
[ -n "$noted" ] || rm -f "$stamp"
printf '%s :%s\n' "$hash" "$extras" >>"$stamp"
say "$venv is ready: $("$venv/bin/python" -c 'import sys, jax; print("Python", sys.version.split()[0], "and JAX", jax.__version__)')"
