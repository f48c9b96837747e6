#!/usr/bin/env bash
# Every factory patch is rendered, with a melody at its audio inputs and notes at its MIDI inputs: it sounds, does not clip, and
# gives nothing that is no number. A patch whose plugins are not installed is passed over, and named.
. "$(dirname "$0")/common.sh"
folder=$tests/patches-$$
mkdir -p "$folder"
trap 'rm -rf "$folder"' EXIT
export LV2_PATH="$root/build/lv2:${LV2_PATH:-/usr/lib/lv2}"
# A Standard MIDI File: two bars of four-part chords around middle C on channels 1 to 4.
python3 - "$folder/notes.mid" <<'PYTHON'
import struct, sys
events = []
for beat in range(8):
    for channel, key in enumerate((72, 67, 60, 43)):
        start = beat * 480
        events.append((start, bytes((0x90 | channel, key + (0, 2, 4, 2)[beat % 4], 96))))
        events.append((start + 440, bytes((0x80 | channel, key + (0, 2, 4, 2)[beat % 4], 64))))
        events.append((start, bytes((0xB0 | channel, 2, 100))))
def number(value):
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)
track, now = b"", 0
for time, message in sorted(events, key=lambda e: e[0]):
    track += number(time - now) + message
    now = time
track += b"\x00\xff\x2f\x00"
open(sys.argv[1], "wb").write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track)
PYTHON
# The voices of the patches that listen
declare -A input=([whistled-theremin]=flute [guitar-with-a-bass]=electric-guitar [sing-a-quartet]=voice-oohs [voice-plays-a-cello]=voice-oohs)
passed_over=0 count=0
for patch in presets/patches/*.toml; do
    name=$(basename "$patch" .toml)
    count=$((count + 1))
    melody=$melodies/${input[$name]:-cello}.flac
    [ -f "$melody" ] || melody=$melodies/cello.flac
    arguments=(--input-midi "$folder/notes.mid" --seconds 4)
    grep -q '"in_1"' "$patch" && arguments+=(--input "$melody")
    [ "$name" != band-gets-a-bass ] || arguments+=(--seconds 20)
    if ! "$program" render "$patch" "${arguments[@]}" --output "$folder/out.wav" --json >"$folder/report" 2>"$folder/errors"; then
        if grep -q '^Error: no plugin' "$folder/errors"; then
            note "$name is passed over: $(sed -n 's/^Error: \(no plugin [^:]*:*[^ ]*\):.*/\1/p' "$folder/errors" | head -n 1)"
            passed_over=$((passed_over + 1))
        else
            not_ok "$name" "$(tail -n 1 "$folder/errors")"
        fi
        continue
    fi
    why=$(python3 - "$folder/report" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
wrong = []
if report.get("peak") is None:
    wrong.append("it is silent")
else:
    if report["peak"] > 0: wrong.append(f"it clips: {report['peak']:.1f} dBFS")
    if report["level"] < -50: wrong.append(f"it is hardly heard: {report['level']:.1f} dBFS")
for key in ("brokenSamples", "lostEvents"):
    if report[key]: wrong.append(f"{key}: {report[key]}")
print("; ".join(wrong))
PYTHON
)
    if [ -z "$why" ]; then ok "$name"; else not_ok "$name" "$why"; fi
done
if [ $((count - passed_over)) -ge 15 ]; then ok "15 patches and more sound"; else not_ok "15 patches and more sound" "$((count - passed_over))"; fi
finish
