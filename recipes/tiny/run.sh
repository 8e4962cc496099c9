#!/usr/bin/env bash
# From nothing to a table in minutes on a CPU: music, instruments, training, test.
#   recipes/tiny/run.sh [HYDRA OVERRIDES]
# OUTPUT is where the run goes, STUDIES where its music goes, PYTHON the interpreter.
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python} output=${OUTPUT:-outputs/tiny}
export STUDIES=${STUDIES:-outputs/studies} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

"$python" -m recipes.miniature studies "$STUDIES"
"$python" -m transcribe.train experiment=tiny output="$output" "$@"
"$python" -m recipes.check recipes/tiny/expected.json "$output/test.json" \
    --data "$STUDIES/studies.csv" --checkpoint "$output/last.safetensors"
