#!/usr/bin/env bash
# From MIDI and instruments to the weights `harmonic 3`, packaged before, and their table.
#   PIANO_DATA=FOLDER recipes/rendered/run.sh [ablation=NAME] [HYDRA OVERRIDES]
# OUTPUT is where the run goes, PYTHON the interpreter.
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PIANO_DATA:?set it to the folder that holds midi/, audio/, instruments/, rooms/ and noise/}"
export PIANO_DATA
# Keeps what is freed for the next step; on Linux a step is a seventh quicker for it.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=67108864
python=${PYTHON:-python} name=harmonic
for word in "$@"; do
    if [[ $word == ablation=* ]]; then name=harmonic-${word#ablation=}; fi
done
output=${OUTPUT:-outputs/$name}

"$python" -m transcribe.train experiment=rendered output="$output" "$@"
"$python" -m eval.accuracy.thresholds --checkpoint "$output/last.safetensors" \
    --out "$output/chosen.safetensors" experiment=rendered "$@"
"$python" -m recipes.check recipes/rendered/expected.json "$output/maps-real-dev.json" \
    --data "$PIANO_DATA/audio/maps-real-dev" --checkpoint "$output/chosen.safetensors"
