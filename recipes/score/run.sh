#!/usr/bin/env bash
# From annotated performances to the weights behind sheet music, and their table on held-out pieces.
#   PIANO_DATA=FOLDER recipes/score/run.sh [HYDRA OVERRIDES]
# OUTPUT is where the runs go, PYTHON the interpreter.
# Stop it and start it again as you like: each run goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PIANO_DATA:?set it to the folder that holds midi/ and instruments/}"
export PIANO_DATA OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python=${PYTHON:-python} output=${OUTPUT:-outputs/score}

for network in beats notes lengths; do
    "$python" -m transcribe.train --config-name score network="$network" \
        output="$output/$network" "$@"
    "$python" -m transcribe.train.score_export "$output/$network/last.safetensors" \
        -o "$output/score-$network.onnx"
done
"$python" -m transcribe.train.key_profiles -o "$output/score-keys.json" "$@"
"$python" -m eval.downstream.score --data "$PIANO_DATA" --weights "$output" --performances 1 \
    --seconds 75 \
    --out "$output/test.json"
"$python" -m recipes.check recipes/score/expected.json "$output/test.json"
