#!/usr/bin/env bash
# Runs an ensemble in several processes on this machine; if one fails, all are stopped.
#
#   scripts/ensemble_processes.sh [--gpu-each] N script.py [arguments of the script]
#
# The script begins with `msjax.homogenization.shares.start_processes()`; each process then computes its share of every
# `ensemble(...)` and all get the whole table. With --gpu-each, process k has GPU k alone. PYTHON names an interpreter.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

gpu_each=
[ "${1:-}" != --gpu-each ] || { gpu_each=yes; shift; }
[ $# -ge 2 ] || usage
processes=$1
shift
case $processes in '' | *[!0-9]* | 0) usage ;; esac

python=${PYTHON:-python}
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export JAX_COORDINATOR_ADDRESS=127.0.0.1:$port MSJAX_PROCESSES=$processes

pids=()
stop() {
    [ ${#pids[@]} -gt 0 ] || return 0
    kill "${pids[@]}" 2>/dev/null || true
    # a process that waits for the others does not listen
    for _ in 1 2 3 4 5 6; do
        kill -0 "${pids[@]}" 2>/dev/null || break
        sleep 0.5
    done
    kill -KILL "${pids[@]}" 2>/dev/null || true
}
trap 'stop; exit 130' INT TERM

for ((k = 0; k < processes; k++)); do
    [ -z "$gpu_each" ] || export JAX_LOCAL_DEVICE_IDS=$k
    MSJAX_PROCESS=$k "$python" "$@" &
    pids+=($!)
done
for ((k = 0; k < processes; k++)); do
    status=0
    wait -n || status=$?
    if [ "$status" -ne 0 ]; then
        echo "ensemble_processes: a process ended with status $status; stopping the others" >&2
        stop
        exit "$status"
    fi
done
