#!/usr/bin/env bash
# The whole recipe of Continuo Bass: songs, autoencoder, sound, generator, few steps, export, evaluation. Resumes where it was
# interrupted; run it again after the songs have become more, or with more steps.
#   training/bass/run.sh [WORK-FOLDER]
# Needs mma, fluidsynth (its library), fluid-soundfont-gm, musescore-general-soundfont and timgm6mb-soundfont (Debian), and
# training/setup.sh's environment, or PYTHON. SONGS, SOUNDS, WORKERS, AUTOENCODER_STEPS, SOUND_STEPS, GENERATOR_STEPS, DISTIL_STEPS,
# WIDTH and BLOCKS change the size; STEM_SONGS is a folder of real songs (*.stem.mp4; stempeg brings one), MIXES one of other recordings.
# The steps take a GPU where there is one; songs take 1 to 3 s each of a processor core.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../.venv/bin/python}
work=${1:-work}
workers=${WORKERS:-2}
mkdir -p "$work"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OPENBLAS_NUM_THREADS=1
# Large buffers are kept, not given back to the system and asked for again: a quarter of the time otherwise.
export MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=8000000000 MALLOC_TOP_PAD_=100000000

in_parallel() {  # COMMAND…: once per worker
    local started=()
    for worker in $(seq 0 $((workers - 1))); do
        nice -n 19 "$@" --worker "$worker" --workers "$workers" &
        started+=($!)
    done
    for worker in "${started[@]}"; do wait "$worker"; done
}

"$python" mma.py "$work/grooves.json" --processes "$workers"
[ -e progressions.json ] || "$python" progressions.py progressions.json
songs=(data.py --output "$work/songs" --grooves "$work/grooves.json")
in_parallel "$python" "${songs[@]}" --kind test --last 120
in_parallel "$python" "${songs[@]}" --kind font --last 40
in_parallel "$python" "${songs[@]}" --kind timbre --last 40
in_parallel "$python" "${songs[@]}" --kind train --last "${SONGS:-3000}"

nice -n 19 "$python" train_autoencoder.py --data "$work/songs" --run "$work/autoencoder" --steps "${AUTOENCODER_STEPS:-4000}"
for kind in "train ${SOUNDS:-800}" "test 16" "font 16" "timbre 16"; do
    in_parallel "$python" sound_data.py --songs "$work/songs" --output "$work/sounds" --kind ${kind% *} --count ${kind#* }
done
nice -n 19 "$python" train_sound.py --sounds "$work/sounds" --autoencoder "$work/autoencoder/last.pt" --run "$work/sound" \
    --steps "${SOUND_STEPS:-12000}"
nice -n 19 "$python" train_generator.py --data "$work/songs" --autoencoder "$work/autoencoder/last.pt" --run "$work/generator" \
    --steps "${GENERATOR_STEPS:-16000}" --width "${WIDTH:-128}" --blocks "${BLOCKS:-6}"
nice -n 19 "$python" distil.py --data "$work/songs" --autoencoder "$work/autoencoder/last.pt" --generator "$work/generator/last.pt" \
    --run "$work/distilled" --steps "${DISTIL_STEPS:-1200}"

models=../../models
"$python" export.py autoencoder "$work/autoencoder/last.pt" "$work/sound/last.pt" "$models/continuo-bass-autoencoder.safetensors"
"$python" export.py generator "$work/distilled/last.pt" "$models/continuo-bass-generator.safetensors"
"$python" golden.py ../../Tests/vectors/bass --decoding "$models/continuo-bass-autoencoder.safetensors" "$work/songs/test-00002.npz"

# What it is measured by, and against.
nice -n 19 "$python" train_spectral.py --sounds "$work/sounds" --autoencoder "$work/autoencoder/last.pt" --run "$work/spectral"
nice -n 19 "$python" train_regressor.py --data "$work/songs" --autoencoder "$work/autoencoder/last.pt" --generator "$work/generator/last.pt" \
    --run "$work/regressor"
nice -n 19 "$python" embedding.py --data "$work/songs" --output "$work/embedding.pt"
weights=(--autoencoder "$models/continuo-bass-autoencoder.safetensors" --generator "$models/continuo-bass-generator.safetensors"
    --steps 4 --guidance 2.5 --distilled)
nice -n 19 "$python" evaluate.py "${weights[@]}" --data "$work/songs" --output "$work/evaluation" --kinds test font timbre \
    --regressor "$work/regressor/last.pt"
nice -n 19 "$python" frechet.py "${weights[@]}" --data "$work/songs" --embedding "$work/embedding.pt" --output "$work/frechet" \
    --regressor "$work/regressor/last.pt"
nice -n 19 "$python" resynthesis.py "${weights[@]}" --sounds "$work/sounds" --songs "$work/songs" --output "$work/resynthesis" \
    --spectral "$work/spectral/last.pt"
shopt -s nullglob
nice -n 19 "$python" real_songs.py "${weights[@]}" --songs "$work/songs" --output "$work/real" \
    --stems ${STEM_SONGS:+"$STEM_SONGS"/*.stem.mp4} --mixes ${MIXES:+"$MIXES"/*}
