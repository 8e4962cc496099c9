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

learn() { # NETWORK NAME [HYDRA OVERRIDES]
    local network=$1 name=$2
    shift 2
    "$python" -m transcribe.train --config-name score network="$network" \
        output="$output/$name" "$@"
}
export_of() { # NETWORK NAME...
    local network=$1
    shift
    "$python" -m transcribe.train.score_export "${@/%//last.safetensors}" \
        -o "$output/score-$network.onnx"
}

# Beats twice: what the first network finds in music without beats the second learns, too.
learn beats beats-1 "$@"
for network in bars notes lengths; do
    learn "$network" "$network" "$@"
    export_of "$network" "$output/$network"
done
"$python" -m transcribe.train.key_profiles -o "$output/score-keys.json" "$@"
export_of beats "$output/beats-1"
found="$output/maestro-beats"
"$python" -m transcribe.train.beat_labels "$PIANO_DATA/midi/maestro-v3.0.0.csv" -o "$found" \
    --weights "$output"
learn beats_again beats-2 "data.sources.maestro.index=$found.csv" "$@"
export_of beats "$output/beats-2"
"$python" -m eval.downstream.score --data "$PIANO_DATA" --weights "$output" --performances 1 \
    --seconds 75 \
    --out "$output/test.json"
"$python" -m recipes.check recipes/score/expected.json "$output/test.json"
