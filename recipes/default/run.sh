#!/usr/bin/env bash
# From MIDI and instruments to the packaged weights and their table, in four parts: what pianos
# sound like, on a GPU; what dampers sound like and what strings struck again, on a CPU; and all
# of it together in a smaller network, on a GPU.
#   PIANO_DATA=FOLDER recipes/default/run.sh [HYDRA OVERRIDES of all parts]
# OUTPUT is where the run goes, PYTHON the interpreter.
# Stop it and start it again as you like: every part goes on from its last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PIANO_DATA:?set it to the folder that holds midi/, audio/, instruments/, rooms/ and noise/}"
export PIANO_DATA
# Keeps what is freed for the next step; on Linux a step is a seventh quicker for it.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=67108864
python=${PYTHON:-python} output=${OUTPUT:-outputs/default}

"$python" -m transcribe.train experiment=default output="$output/sounds" "$@"
"$python" -m transcribe.train experiment=default_dampers output="$output/dampers" \
    initial_weights="$output/sounds/last.safetensors" "$@"
"$python" -m transcribe.train experiment=default_repeats output="$output/repeats" \
    initial_weights="$output/dampers/last.safetensors" "$@"
"$python" -m transcribe.train experiment=default_together output="$output" \
    initial_weights="$output/repeats/last.safetensors" "$@"
"$python" -m eval.accuracy.thresholds --checkpoint "$output/last.safetensors" \
    --out "$output/chosen.safetensors" experiment=default
"$python" -m recipes.check recipes/default/expected.json "$output/maps-real-dev.json" \
    --data "$PIANO_DATA/audio/maps-real-dev" --checkpoint "$output/chosen.safetensors"
