#!/usr/bin/env bash
# Runs an ensemble as a Slurm job array: each task computes its share into one checkpoint folder.
#
#   sbatch --array=0-7 --cpus-per-task=4 --time=2:00:00 scripts/ensemble_slurm.sh script.py [arguments of the script]
#
# The script calls `ensemble(..., checkpoint=FOLDER, share=slurm_share())`, with FOLDER on a file system that all tasks
# see. Give the same command again to finish what was killed or timed out: whole parts are not computed twice. When all
# tasks are done, `Ensemble.gather(FOLDER)` is the table. PYTHON names an interpreter.
#SBATCH --job-name=ensemble
#SBATCH --output=ensemble-%A_%a.log
set -euo pipefail

if [ $# -lt 1 ] || [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
exec "${PYTHON:-python}" "$@"
