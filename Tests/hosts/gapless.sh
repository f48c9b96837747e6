#!/usr/bin/env bash
# A host on a real jackd, under a sine: presets, patches, bypass, a model and fades are changed while it plays. What it recorded has no
# step but the sine's own and the fades', and no hole; no period took it too long.
. "$(dirname "$0")/common.sh"
with_weights || finish
rate=48000
. "$hosts/jack.sh"

# Patches and presets
python3 - "$scratch" <<'PYTHON'
import math, struct, sys
folder = sys.argv[1]
amp, pitch = "http://lv2plug.in/plugins/eg-amp", "urn:continuo:pitch"
def patch(name, *plugins, top=""):
    text = top + "".join(f'\n[[plugin]]\nuri = "{uri}"\nname = "{n}"\n{rest}\n' for n, uri, rest in plugins)
    open(f"{folder}/{name}.toml", "w").write(text)
gain = lambda g: f"controls = {{ gain = {g} }}"
patch("a", ("first", amp, gain(0)), ("pitch", pitch, ""), ("last", amp, gain(-3)))
patch("b", ("first", amp, gain(-1)), ("second", amp, gain(-1)), ("pitch", pitch, 'preset = "Trumpet"'), top="fade = 50\ntail = 0.3\n")
frames = [int(0.25 * 32767 * math.sin(2 * math.pi * 200 * i / 48000)) for i in range(48000 * 14)]
data = struct.pack(f"<{len(frames)}h", *frames)
open(f"{folder}/sine.wav", "wb").write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
    struct.pack("<IHHIIHH", 16, 1, 1, 48000, 96000, 2, 16) + b"data" + struct.pack("<I", len(data)) + data)
PYTHON
for value in 0 -2 -4; do
    "$program" render http://lv2plug.in/plugins/eg-amp --seconds 0.1 --control "gain=$value" --save-state "$scratch/gain$value" \
        >"$scratch/save" 2>&1 || not_ok "a preset is saved" "$(tail -n 1 "$scratch/save")"
done

# commands: what is done in the host, with the time between.
commands() {
    sleep 0.6
    local round
    for round in 1 2 3; do
        for line in "preset_load 0 $scratch/gain-2" "bypass 0 1" "preset_load 0 $scratch/gain0" "bypass 0 0" "revive 1" \
            "patch_set 1 urn:continuo:pitch#modelFile $models/continuo-pitch-quick.safetensors" "patch_load $scratch/b.toml" \
            "preset_load 1 $scratch/gain-4" "bypass 1 1" "tail 1" "bypass 1 0" "preset_load 2 Flute" "patch_load $scratch/a.toml" \
            "fade $((round * 10))" "snapshot_save one"; do
            echo "$line"
            sleep 0.22
        done
    done
    sleep 0.6
    echo quit
}

for attempt in 1 2 3 4; do
    rm -f "$scratch/pipe"
    mkfifo "$scratch/pipe"
    commands >"$scratch/pipe" &
    fed=$!
    timeout 60 "$program" host "$scratch/a.toml" --console --input "$scratch/sine.wav" --record "$scratch/out.wav" --json \
        <"$scratch/pipe" >"$scratch/said" 2>"$scratch/errors"
    status=$?
    stop $fed
    wrong=$(grep '^resp -' "$scratch/said" | head -n 3 | tr '\n' ' ')
    [ "$status" = 0 ] && [ -z "$wrong" ] || { not_ok "changes under a sine" "status $status $wrong $(tail -n 2 "$scratch/errors")"; finish; }
    said=$(python3 - "$scratch" <<'PYTHON'
import json, math, sys
sys.path.insert(0, "Tests/hosts")
from wavfile import samples
folder = sys.argv[1]
text = open(f"{folder}/said").read()
report = json.loads(text[text.index("{"):])
sound, rate = list(samples(f"{folder}/out.wav")), 48000
own = 0.25 * 2 * math.pi * 200 / 48000
# Two copies in phase at equal power are up to 1.42 times as loud; a fade of 10 ms has a slope of its own, and 16 bits their steps.
limit = own * 1.45 + 2 * 0.25 * math.pi / 2 / 480 + 2 / 32768
steps = [abs(b - a) for a, b in zip(sound, sound[1:])]
at = max(range(len(steps)), key=steps.__getitem__)
# Each period of the sine: never more than 9 dB below it.
floor = min(max(abs(x) for x in sound[i:i + 240]) for i in range(2400, len(sound) - 240, 240))
print(report["overruns"], report["lostFrames"], report["xruns"], f"{steps[at] / own:.2f}", f"{at / 48000:.3f}", f"{floor / 0.25:.2f}",
      int(steps[at] <= limit and floor >= 0.25 * 10 ** (-9 / 20)), f"{report['loadWorst']:.2f}", f"{len(sound) / rate:.1f}")
PYTHON
    ) || { not_ok "changes under a sine" "$(tail -n 1 <<<"$said")"; finish; }
    read -r overruns lost xruns step at floor fine worst seconds <<<"$said"
    note "$seconds s: worst step $step of the sine's own, at $at s; never below $floor of its level; worst load $worst; xruns of JACK's own: $xruns"
    [ "$fine" = 1 ] || break
    [ "$overruns" = 0 ] && [ "$lost" = 0 ] && break
    note "$overruns periods took too long, $lost frames were not recorded: try $attempt"
done
[ "$fine" = 1 ] && ok "45 changes under a sine: no step, no hole" || not_ok "45 changes under a sine: no step, no hole" "$said"
[ "$overruns" = 0 ] && ok "no period took the host too long" || not_ok "no period took the host too long" "$overruns did, in four tries"
finish
