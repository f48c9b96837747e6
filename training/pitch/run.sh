#!/usr/bin/env bash
# The whole recipe of Continuo Pitch's network: data, both settings, export. Resumes where it was interrupted.
#   training/pitch/run.sh [DATA-FOLDER]
# Needs fluidsynth, fluid-soundfont-gm and espeak-ng (Debian), and training/setup.sh's environment, or PYTHON.
# CLIPS, DRUMS, STEPS and QUICK_STEPS change the size; on two cores the defaults take about two hours.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../.venv/bin/python}
work=${1:-work}
clips=${CLIPS:-2000}
mkdir -p "$work"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
workers=()
for worker in 0 1; do
    { nice -n 19 "$python" -W ignore render.py --output "$work/data" --clips "$clips" --worker $worker --workers 2 &&
        nice -n 19 "$python" -W ignore render.py --output "$work/data" --kind drums --first 10000 --clips "${DRUMS:-240}" \
            --worker $worker --workers 2; } &
    workers+=($!)
done
for worker in "${workers[@]}"; do wait "$worker"; done
export OMP_NUM_THREADS=2
nice -n 19 "$python" train.py --data "$work/data" --run "$work/standard" --setting standard --steps "${STEPS:-4000}"
# The short windows start from what the long ones have learned.
nice -n 19 "$python" train.py --data "$work/data" --run "$work/quick" --setting quick --steps "${QUICK_STEPS:-1500}" \
    --rate 2e-3 --start "$work/standard/last.pt"
for setting in standard quick; do
    "$python" -W ignore calibrate.py "$work/$setting/last.pt" --data "$work/data"
    "$python" evaluate.py "$work/$setting/last.pt"
    "$python" export.py "$work/$setting/last.pt" "../../models/continuo-pitch-$setting.safetensors" \
        --golden ../../Tests/vectors/pitch
done
