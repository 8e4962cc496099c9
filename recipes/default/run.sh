#!/usr/bin/env bash
# From MIDI and instruments to the packaged weights and their table, in six parts: what pianos
# sound like, on a GPU; what dampers sound like and what strings struck again, on a CPU; all of it
# together in a smaller network, on a GPU; dampers as real pianos have them, and everything with more
# of real recordings, on a CPU.
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
"$python" -m transcribe.train experiment=default_together output="$output/together" \
    initial_weights="$output/repeats/last.safetensors" "$@"
"$python" -m eval.accuracy.thresholds --checkpoint "$output/together/last.safetensors" \
    --out "$output/together/chosen.safetensors" experiment=default
# Test music is left out, and two old recordings in which the other transcriber hardly hears pedal.
second_opinion=("$python" -m recipes.second_opinion "$PIANO_DATA/audio/real-unlabelled"
    --validation confuoko_debussy_petitnegre_ligoratti --leave-out
    confuoko_debussy_clairdelune_salvatori numeria_debussy_clairdelune_goedhart
    hourglass_home_satie_gymnopedie1_alciatore soulradio_schumann_traumerei_betts)
"${second_opinion[@]}" --out "$output/second-opinion" \
    --checkpoint "$output/together/chosen.safetensors"
"$python" -m transcribe.train experiment=default_dampers_real output="$output/dampers-real" \
    initial_weights="$output/together/last.safetensors" \
    data.sources.second_opinion.index="$output/second-opinion/index.csv" "$@"
"$python" -m recipes.average "$output/together/last.safetensors" \
    "$output/dampers-real/last.safetensors" --share 0.65 --out "$output/dampers-real/mean.safetensors"
choose=("$python" -m eval.accuracy.thresholds
    --recorded "$PIANO_DATA/audio/ddsp-piano/index.csv"
    --second-opinion "$output/second-opinion/index.csv" experiment=default_dampers_real)
"${choose[@]}" --checkpoint "$output/dampers-real/mean.safetensors" \
    --out "$output/dampers-real/chosen.safetensors"
"${second_opinion[@]}" --out "$output/second-opinion-faint" --faint 0.15 \
    --checkpoint "$output/dampers-real/chosen.safetensors"
"$python" -m transcribe.train experiment=default_real output="$output/real" \
    initial_weights="$output/dampers-real/chosen.safetensors" \
    data.sources.second_opinion.index="$output/second-opinion-faint/index.csv" "$@"
"$python" -m recipes.average "$output/dampers-real/chosen.safetensors" \
    "$output/real/last.safetensors" --share 0.7 --out "$output/last.safetensors"
"${choose[@]}" --checkpoint "$output/last.safetensors" --out "$output/chosen.safetensors"
"$python" -m recipes.check recipes/default/expected.json "$output/maps-real-dev.json" \
    --data "$PIANO_DATA/audio/maps-real-dev" --checkpoint "$output/chosen.safetensors"
