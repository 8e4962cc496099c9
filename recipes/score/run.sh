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

# Beats twice: what the first network finds in music without beats the second learns, too. Bars
# twice: the second learns also from beats as they are found by networks that have not seen the piece.
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

folds="$output/folds"
"$python" -m transcribe.train.folds "$PIANO_DATA/midi/asap.csv" \
    "$PIANO_DATA/midi/piano-midi-de.csv" -o "$folds"
asked=()
for number in 0 1 2 3; do
    learn beats "beats-fold-$number" "data.split=$folds/fold-$number.csv" "$@"
    mkdir -p "$output/fold-$number"
    cp "$output"/score-* "$output/fold-$number/"
    "$python" -m transcribe.train.score_export "$output/beats-fold-$number/last.safetensors" \
        -o "$output/fold-$number/score-beats.onnx"
    asked+=(--fold "$folds/fold-$number.csv" "$output/fold-$number")
done
"$python" -m transcribe.train.found_beats --asap "$PIANO_DATA/midi/asap.csv" \
    --sequenced "$PIANO_DATA/midi/piano-midi-de.csv" -o "$output/found" "${asked[@]}"
learn bars_again bars-2 "data.sources.asap_found.index=$output/found/asap.csv" \
    "data.sources.piano_midi_de_found.index=$output/found/piano-midi-de.csv" "$@"
export_of bars "$output/bars-2"
"$python" -m eval.downstream.score --data "$PIANO_DATA" --weights "$output" --performances 1 \
    --seconds 75 \
    --out "$output/test.json"
"$python" -m recipes.check recipes/score/expected.json "$output/test.json"
