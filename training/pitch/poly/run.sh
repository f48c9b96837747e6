#!/usr/bin/env bash
# The whole recipe of the polyphonic network: data, training, export, held-out pieces, score. Resumes where it was interrupted.
#   training/pitch/poly/run.sh [WORK-FOLDER]
# Needs Debian's fluidsynth (libfluidsynth), fluid-soundfont-gm, musescore-general-soundfont, csound-soundfont, and for the held-out
# pieces timgm6mb-soundfont and mma, with PyPI's music21; and training/setup.sh's environment, or PYTHON. CLIPS and STEPS change the size.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../../.venv/bin/python}
work=${1:-work}
mkdir -p "$work"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
nice -n 19 "$python" -W ignore data.py --output "$work/data" --clips "${CLIPS:-900}"
# Large tensors come and go at each step: the allocator is told to keep their memory.
export MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
nice -n 19 "$python" train.py --data "$work/data" --run "$work/run" --steps "${STEPS:-8000}"
# The thresholds that this finds stand in decoding.py and in Sources/PitchTracker/Polyphony/ChordDecoder.swift.
nice "$python" -W ignore data.py --output "$work/validation" --first 2000 --clips 48
nice "$python" tune.py "$work/validation" "$work/run/last.pt"
"$python" export.py "$work/run/last.pt" ../../../models/continuo-pitch-poly.safetensors --golden ../../../Tests/vectors/pitch
[ -e "$work/heldout/complete" ] || { "$python" -W ignore heldout.py --output "$work/heldout" && touch "$work/heldout/complete"; }
"$python" -W ignore evaluate.py "$work/heldout" "checkpoint:$work/run/last.pt"  # in Swift, beside basic-pitch: training/peers/poly.sh
