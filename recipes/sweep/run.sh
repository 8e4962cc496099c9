#!/usr/bin/env bash
# Learning rates over seeds: nine trainings, one table, one plot with intervals.
#   recipes/sweep/run.sh [HYDRA OVERRIDES]
# SWEEP is where the runs go, STUDIES where the music goes, PYTHON the interpreter.
# Stop it and start it again as you like: finished runs are kept, the others go on.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python}
export SWEEP=${SWEEP:-outputs/sweep} STUDIES=${STUDIES:-outputs/studies}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

"$python" -m recipes.miniature studies "$STUDIES"
"$python" -m transcribe.train experiment=sweep "$@"
"$python" -m recipes.gather "$SWEEP" --data "$STUDIES/studies.csv"
"$python" -m recipes.check recipes/sweep/expected.json "$SWEEP/record.json"
