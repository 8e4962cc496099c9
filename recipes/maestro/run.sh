#!/usr/bin/env bash
# From MAESTRO as downloaded to Onsets and Frames as published, and its table on the test split.
#   MAESTRO=FOLDER recipes/maestro/run.sh [HYDRA OVERRIDES]
# OUTPUT is where the run goes, PYTHON the interpreter, DEVICE what the test is heard on.
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${MAESTRO:?set it to the folder that holds maestro-vN.0.0.csv}"
export MAESTRO
python=${PYTHON:-python} output=${OUTPUT:-outputs/maestro}

"$python" -m transcribe.train experiment=maestro output="$output" "$@"
"$python" -m recipes.check recipes/maestro/expected.json "$output/test.json" \
    --data "$MAESTRO" --checkpoint "$output/last.safetensors" --device "${DEVICE:-auto}"
