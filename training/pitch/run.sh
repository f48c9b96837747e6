#!/usr/bin/env bash
# The whole recipe of Continuo Pitch's network: data, both settings, export. Resumes where it was interrupted.
#   training/pitch/run.sh [DATA-FOLDER]
# Needs Debian's fluidsynth, fluid-soundfont-gm, espeak-ng, ffmpeg and asterisk-core-sounds-{en,es,fr,it,ru}-g722, and training/setup.sh's
# environment, or PYTHON. CLIPS, DRUMS, READERS, RECORDED, STEPS and QUICK_STEPS change the size; on two cores the defaults take some
# four hours.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../.venv/bin/python}
work=${1:-work}
mkdir -p "$work"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
workers=()
for worker in 0 1; do
    { render() { nice -n 19 "$python" -W ignore render.py --output "$work/data" --worker $worker --workers 2 "$@"; }
        render --clips "${CLIPS:-2000}" && render --kind drums --first 10000 --clips "${DRUMS:-240}" &&
            render --kind readers --first 20000 --clips "${READERS:-400}" &&
            render --kind recorded --first 30000 --clips "${RECORDED:-150}"; } &
    workers+=($!)
done
for worker in "${workers[@]}"; do wait "$worker"; done
export OMP_NUM_THREADS=2
nice -n 19 "$python" train.py --data "$work/data" --run "$work/standard" --setting standard --steps "${STEPS:-12000}"
# The short windows start from what the long ones have learned.
nice -n 19 "$python" train.py --data "$work/data" --run "$work/quick" --setting quick --steps "${QUICK_STEPS:-6000}" \
    --rate 2e-3 --start "$work/standard/last.pt"
for setting in standard quick; do
    "$python" -W ignore calibrate.py "$work/$setting/last.pt" --data "$work/data"
    "$python" evaluate.py "$work/$setting/last.pt"
    "$python" export.py "$work/$setting/last.pt" "../../models/continuo-pitch-$setting.safetensors" \
        --golden ../../Tests/vectors/pitch
done
