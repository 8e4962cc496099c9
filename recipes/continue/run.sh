#!/usr/bin/env bash
# From MIDI to the weights that let music go on, and their table on MAESTRO's validation split.
#   PIANO_DATA=FOLDER recipes/continue/run.sh [HYDRA OVERRIDES]
# OUTPUT is where the run goes, PYTHON the interpreter.
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PIANO_DATA:?set it to the folder that holds midi/}"
export PIANO_DATA OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python=${PYTHON:-python} output=${OUTPUT:-outputs/continue}

"$python" -m transcribe.train --config-name continue output="$output" "$@"
"$python" -m eval.downstream.continuations --data "$PIANO_DATA/midi/maestro-v3.0.0.csv" \
    --generator "continue=$output/last.safetensors" --out "$output/validation.json"
"$python" -m recipes.check recipes/continue/expected.json "$output/validation.json"
