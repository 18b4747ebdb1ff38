#!/bin/sh
# The main job, on the data that comes with the project: fits copper and aluminium films and writes a figure
# and a result file to results/. Makes .venv first if need be. Arguments go to `msjax fit`.
set -eu

cd "$(dirname "$0")/.."
sh scripts/environment.sh --extras plot,cli,potentials
exec .venv/bin/msjax fit "$@"
