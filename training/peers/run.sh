#!/usr/bin/env bash
# Behind `make bench-peers`: pitch trackers side by side on held-out clips (made at the first run).
#   training/peers/run.sh [TRACKER…]     e.g. swift-f0 crepe-tiny continuo:crepe-tiny checkpoint:PATH
# With no TRACKER named, CREPE here is compared with torchcrepe first (parity of activations and f0, and speed), and after the trackers
# come the plugin's notes (notes.py).
# PYTHON: an interpreter with training/requirements.txt; by default training/.venv, made if missing. Debian packages:
# fluidsynth, timgm6mb-soundfont, flite, fluid-soundfont-gm, sonic-pi-samples. CONTINUO: the program (build/bin/continuo).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
missing=()
for package in fluidsynth timgm6mb-soundfont flite fluid-soundfont-gm sonic-pi-samples; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "bench-peers needs Debian's ${missing[*]} to make the held-out clips: please install them" >&2
        exit 1
    fi
    echo "installing ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
[ -x "$python" ] || { "$here/../setup.sh"; }
[ -e "$here/work/heldout/complete" ] || {
    "$python" -W ignore "$here/heldout.py" --output "$here/work/heldout"
    touch "$here/work/heldout/complete"
}
trackers=("$@")
if [ ${#trackers[@]} -eq 0 ]; then
    root=$here/../..
    (cd "$root" && swift build -c release --product continuo-bench && build/bin/continuo models get crepe-tiny crepe-full &&
        "$python" -W ignore training/peers/parity.py)
    # CREPE full by our program, whose activations have just been compared with torchcrepe's: hours become minutes.
    trackers=(continuo:standard continuo:quick swift-f0 crepe-tiny continuo-crepe-full pesto pyin)
    export CONTINUO=${CONTINUO:-$root/build/bin/continuo}
    "$python" -W ignore "$here/bench.py" --trackers "${trackers[@]}"
    exec "$python" -W ignore "$here/notes.py"
fi
exec "$python" -W ignore "$here/bench.py" --trackers "${trackers[@]}"
