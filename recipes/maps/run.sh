#!/usr/bin/env bash
# From MAPS as downloaded to the 2018 paper's table: software pianos in, Disklavier out.
#   MAPS=FOLDER recipes/maps/run.sh [HYDRA OVERRIDES]
# OUTPUT is where the run goes, PYTHON the interpreter, DEVICE what the test is heard on.
# Stop it and start it again as you like: it goes on from the last epoch.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${MAPS:?set it to the folder that holds AkPnBcht/ to StbgTGd2/ and both ENSTDk folders}"
export MAPS
python=${PYTHON:-python} output=${OUTPUT:-outputs/maps}

"$python" -m transcribe.train experiment=maps output="$output" "$@"
"$python" -m recipes.check recipes/maps/expected.json "$output/test.json" \
    --data "$MAPS" --checkpoint "$output/last.safetensors" --device "${DEVICE:-auto}"
