#!/usr/bin/env bash
# `continuo bass` as its users run it: what it writes, that it is the same each time, what stays when bars are played anew, and what it
# says of files that are none.
. "$(dirname "$0")/common.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2

# Twelve seconds of chords (a keyboard's alone) in two bars' turns: Am F | C G, 120 beats a minute.
python3 - <<'END'
def number(value):
    out = [value & 127]
    while value > 127:
        value >>= 7
        out.insert(0, value & 127 | 128)
    return bytes(out)
track, last = b"\0\xff\x51\x03" + (500000).to_bytes(3, "big"), 0
events = []
for bar in range(6):
    chord = [(57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62)][bar % 4]
    for beat in range(4):
        for key in chord:
            events += [(1920 * bar + 480 * beat, 0x90, key, 90), (1920 * bar + 480 * beat + 400, 0x80, key, 64)]
for tick, status, key, velocity in sorted(events):
    track += number(tick - last) + bytes([status, key, velocity])
    last = tick
track += b"\0\xff\x2f\0"
open("keys.mid", "wb").write(b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk" + len(track).to_bytes(4, "big") + track)
END
"$program" play keys.mid -o mix.wav --preset "Electric Piano" -q || { not_ok "bass: a mix to play to" "continuo play fails"; finish; }

run() { "$program" bass "$@" >out 2>err; }
# samples FILE FROM TO: its first channel as numbers
cat >wav.py <<'END'
import struct
def samples(path):
    data = open(path, "rb").read()
    fmt, at = data.index(b"fmt "), data.index(b"data", 36)
    channels, rate, bits = struct.unpack_from("<H", data, fmt + 10)[0], struct.unpack_from("<I", data, fmt + 12)[0], struct.unpack_from("<H", data, fmt + 22)[0]
    size = struct.unpack_from("<I", data, at + 4)[0]
    body, width = data[at + 8:at + 8 + size], bits // 8
    return rate, [int.from_bytes(body[i:i + width], "little", signed=True) / 2 ** (bits - 1) for i in range(0, len(body) - width + 1, width * channels)]
END

if run mix.wav -o bass.wav --bpm 120 --midi bass.mid --mixdown both.wav --plot bass.png --json; then
    check "bass: a line as long as the mix, to be heard, and in a bass's range" python3 - <<'END'
import json, sys
sys.path.insert(0, ".")
from wav import samples
rate, bass = samples("bass.wav")
mix_rate, mix = samples("mix.wav")
said = json.load(open("out"))[0]
assert rate == mix_rate and len(bass) == len(mix), f"{len(bass)} samples at {rate} Hz for {len(mix)} at {mix_rate} Hz"
peak = max(map(abs, bass))
assert 0.02 < peak < 1, f"it peaks at {peak}"
assert said["notes"] >= 6, f"{said['notes']} notes"
assert max(map(abs, samples("both.wav")[1])) <= 1
END
    check "bass: MIDI and picture" python3 -c 'assert open("bass.mid", "rb").read(4) == b"MThd" and open("bass.png", "rb").read(4) == b"\x89PNG"'
    keys=$(python3 "$hosts/notes.py" bass.mid | awk '$3 < 23 || $3 > 67' | wc -l)
    [ "$keys" -eq 0 ] && ok "bass: its notes are a bass's" || not_ok "bass: its notes are a bass's" "$keys are not"
else
    not_ok "bass: makes a line" "$(tail -n 1 err)"
fi
run mix.wav -o again.wav --bpm 120 && cmp -s bass.wav again.wav && ok "bass: the same seed, the same bytes" ||
    not_ok "bass: the same seed, the same bytes" "$(tail -n 1 err)"
run mix.wav -o take.wav --bpm 120 --takes 2 --seed 7 && [ -s take-1.wav ] && [ -s take-2.wav ] && ! cmp -s take-1.wav take-2.wav &&
    ok "bass: two takes differ" || not_ok "bass: two takes differ" "$(tail -n 1 err)"
run mix.wav -o heard.wav --json && python3 -c 'import json; t = json.load(open("out"))[0]["tempo"]; assert min(abs(t - x) for x in (60, 120, 240)) < 3, t' &&
    ok "bass: hears the tempo (or half, or twice it)" || not_ok "bass: hears the tempo" "$(grep tempo out; tail -n 1 err)"
run mix.wav -o hi.wav --bpm 120 --rate 96000 && ok "bass: at another rate" || not_ok "bass: at another rate" "$(tail -n 1 err)"

# Bars 3 and 4 anew: before and after them the old line goes on, in them it does not.
if run mix.wav -o bars.wav --bpm 120 --line bass.wav --from-bar 3 --to-bar 4 --seed 5 --midi bars.mid; then
    check "bass: bars 3 and 4 are played anew, the others stay" python3 - "$hosts/notes.py" <<'END'
import subprocess, sys
def onsets(path, low, high):
    lines = subprocess.run([sys.executable, sys.argv[1], path], capture_output=True, text=True).stdout.splitlines()
    return [(round(float(a), 1), int(k)) for a, _, k, *_ in (line.split() for line in lines) if low <= float(a) < high]
def alike(a, b):
    return sum(any(k == other and abs(t - when) < 0.15 for when, other in b) for t, k in a) / max(1, len(a))
outside = alike(onsets("bass.mid", 0, 3.9) + onsets("bass.mid", 8.1, 12), onsets("bars.mid", 0, 3.9) + onsets("bars.mid", 8.1, 12))
inside = alike(onsets("bass.mid", 4.1, 7.9), onsets("bars.mid", 4.1, 7.9))
assert outside >= 0.7 and outside > inside, f"outside {outside:.2f} of the notes stay, inside {inside:.2f}"
END
else
    not_ok "bass: bars are played anew" "$(tail -n 1 err)"
fi
run mix.wav -o same.wav --bpm 120 --line bass.wav --variation 0 && ok "bass: a variation" || not_ok "bass: a variation" "$(tail -n 1 err)"

# refused WHAT PATTERN ARGUMENTS…: an exit status that is not 0, and one line that says PATTERN.
refused() {
    local what=$1 pattern=$2
    shift 2
    if run "$@"; then
        not_ok "bass: $what" "it goes on"
    elif [ "$(grep -c . err)" -le 6 ] && grep -q -- "$pattern" err; then
        ok "bass: $what"
    else
        not_ok "bass: $what" "$(head -n 3 err | tr '\n' ' ')"
    fi
}
echo "no sound" >text.wav
: >empty.wav
echo "| C | Qm7 |" >chart.txt
head -c 2000 mix.wav | tail -c 1990 >cut.wav
refused "a mix that is missing" nowhere.wav nowhere.wav -o x.wav
refused "a mix that is no sound" text.wav text.wav -o x.wav
refused "an empty mix" empty.wav empty.wav -o x.wav
refused "a mix without its header" cut.wav cut.wav -o x.wav
refused "a style that is no sound" text.wav mix.wav -o x.wav --style text.wav
refused "a player that is none, with those there are" "walking-upright" mix.wav -o x.wav --style nobody
refused "a chord that is none, with its place" "chart.txt: line 1, bar 2" mix.wav -o x.wav --bpm 120 --chords chart.txt
refused "bars that are not there" "has bars 1 to" mix.wav -o x.wav --bpm 120 --line bass.wav --from-bar 40 --to-bar 41
refused "the mix as output" "over" mix.wav -o mix.wav

# The players, by name; a file of that name comes first.
run mix.wav -o named.wav --bpm 120 --style dub-sub && run mix.wav -o filed.wav --bpm 120 --style "$root/presets/bass/styles/dub-sub.flac" &&
    cmp -s named.wav filed.wav && ! cmp -s named.wav bass.wav && ok "bass: a player by name" ||
    not_ok "bass: a player by name" "$(tail -n 1 err)"
cp text.wav dub-sub
refused "a file of a player's name is meant before the player" "dub-sub" mix.wav -o x.wav --style dub-sub
check "bass: its players are listed" python3 - "$program" "$root/presets/bass/styles" <<'END'
import json, os, subprocess, sys
listed = {p["name"]: p["path"] for p in json.loads(subprocess.run([sys.argv[1], "list", "players", "--json"], capture_output=True, check=True).stdout)}
ours = {f[:-5] for f in os.listdir(sys.argv[2]) if f.endswith(".flac")}
assert ours <= set(listed), f"{ours - set(listed)} are missing"
assert all(os.path.isfile(p) for p in listed.values())
END
# What the bundle adds to the manifest goes with it here.
cat "$root/ttl/bass/manifest.ttl" "$root/presets/bass/manifest.in" >manifest.ttl
said=$(lv2_validate manifest.ttl "$root/ttl/bass/bass.ttl" "$root"/presets/bass/*.ttl 2>&1)
status=$?
faults=$(grep -vE '^Found 0 errors' <<<"$said" | grep -iE 'error|warning' | head -n 3 | tr '\n' ' ')
[ $status -eq 0 ] && [ -z "$faults" ] && ok "bass: lv2_validate has nothing to say of its presets" ||
    not_ok "bass: lv2_validate has nothing to say of its presets" "status $status $faults"
CONTINUO_MODELS=$scratch run mix.wav -o x.wav
[ $? -eq 0 ] && ok "bass: its models come with the program" || not_ok "bass: its models come with the program" "$(tail -n 1 err)"
finish
