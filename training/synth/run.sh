#!/usr/bin/env bash
# The whole recipe of Continuo Synth's decoder: data, both stages of training, export, evaluation, the knee. Resumes where
# it was interrupted.
#   training/synth/run.sh [WORK-FOLDER]
# Needs fluidsynth, musescore-general-soundfont and timgm6mb-soundfont (Debian), and training/setup.sh's environment, or
# PYTHON. PHRASES, STEPS and REFINE_STEPS change the size; the defaults take about two hours on two cores. MODEL and VECTORS
# say where the model and its golden vectors go; EVALUATION=--no-pitch leaves out CREPE, the slowest part of judging.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../.venv/bin/python}
work=${1:-work}
width=${WIDTH:-128}
model=${MODEL:-../../models/continuo-synth.safetensors}
vectors=${VECTORS:-../../Tests/vectors/synth}
mkdir -p "$work"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
workers=()
for worker in 0 1; do
    nice -n 19 "$python" data.py --output "$work/data" --phrases "${PHRASES:-14}" --worker $worker --workers 2 &
    workers+=($!)
done
for worker in "${workers[@]}"; do wait "$worker"; done
"$python" profiles.py "$work/data" "$work/profiles.npz"
# One thread each: two that wait for each other on busy cores are several times slower.
nice -n 19 "$python" train.py --data "$work/data" --run "$work/decoder" --width "$width" --state "$width" \
    --steps "${STEPS:-6000}"
nice -n 19 "$python" refine.py --data "$work/data" --run "$work/refined" --start "$work/decoder/last.pt" \
    --steps "${REFINE_STEPS:-3000}"
"$python" export.py "$work/refined/last.pt" "$work/profiles.npz" "$model"
"$python" golden.py "$vectors" --model "$model"
# The knee: several sizes, trained alike and briefly.
for size in 16 32 64 128 192; do
    nice -n 19 "$python" train.py --data "$work/data" --run "$work/knee-$size" --width $size --state $size \
        --steps "${KNEE_STEPS:-1000}"
done
for kind in test other; do
    nice -n 19 "$python" evaluate.py "$model" --data "$work/data" --output "$work/evaluation" --kind $kind \
        ${EVALUATION:-}
done
"$python" report.py "$work" "$model"
