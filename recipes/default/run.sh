#!/usr/bin/env bash
# From MIDI and instruments to the packaged weights and their table.
#   PIANO_DATA=FOLDER recipes/default/run.sh [HYDRA OVERRIDES]
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PIANO_DATA:?set it to the folder that holds midi/, audio/, instruments/, rooms/ and noise/}"
export PIANO_DATA
# Keeps what is freed for the next step; on Linux a step is a seventh quicker for it.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=67108864

python -m transcribe.train experiment=default "$@"
python -m eval.thresholds --checkpoint outputs/harmonic/last.safetensors \
    --out outputs/harmonic/chosen.safetensors experiment=default "$@"
python -m eval.benchmark --data "$PIANO_DATA/audio/maps-real-dev" --split test \
    --checkpoint outputs/harmonic/chosen.safetensors --out outputs/harmonic/maps-real-dev.json
python -m recipes.check recipes/default/expected.json outputs/harmonic/maps-real-dev.json
