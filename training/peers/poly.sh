#!/usr/bin/env bash
# Several notes at once beside basic-pitch 0.4.0: F1 of notes on held-out guitars and pianos (made at the first run), and speed.
#   training/peers/poly.sh [SYSTEM…]     see training/pitch/poly/evaluate.py
# PYTHON: an interpreter with training/requirements.txt; by default training/.venv, made if missing. Debian packages:
# libfluidsynth3, timgm6mb-soundfont, mma. CONTINUO: the program (build/bin/continuo).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
[ -x "$python" ] || { "$here/../setup.sh"; }
# Its requirements would bring TensorFlow: ONNX Runtime, which is there, serves as well.
"$python" -c "import basic_pitch" 2>/dev/null || "$python" -m pip install --quiet --no-deps basic-pitch==0.4.0
"$python" -c "import music21" 2>/dev/null || "$python" -m pip install --quiet music21==10.5.1
cd "$here/../pitch/poly"
[ -e work/heldout/complete ] || { "$python" -W ignore heldout.py --output work/heldout && touch work/heldout/complete; }
systems=("$@")
[ ${#systems[@]} -gt 0 ] || systems=(continuo basic-pitch)
program=${CONTINUO:-$here/../../build/bin/continuo}
exec "$python" -W ignore evaluate.py work/heldout "${systems[@]}" --program "$program" --json work/figures.json
