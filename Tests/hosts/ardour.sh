#!/usr/bin/env bash
# Ardour, without its window: the plugin in a track, set by hand and by presets, saved, loaded by a new process, and exported.
# Around it in the track stand two plugins of our own (player.c, note-logger.c): one plays the recording, one writes down the MIDI.
. "$(dirname "$0")/common.sh"
with_weights || finish
command -v ardour7-lua >/dev/null || { not_ok "Ardour" "ardour7-lua is not installed"; finish; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rate=44100 hop=441 tick=0.0011  # see jalv.sh
compile pad -O1 "$hosts/pad.c" -lsndfile
mkdir -p "$tests/continuo-test.lv2" "$scratch/lv2/file.lv2" "$scratch/home" "$scratch/out"
compile continuo-test.lv2/player.so -O1 "$hosts/player.c" -lsndfile
compile continuo-test.lv2/note-logger.so -O1 "$hosts/note-logger.c"
cp "$hosts/continuo-test.lv2/manifest.ttl" "$tests/continuo-test.lv2/"

# A preset with a model file: the same weights, under a name that nothing else has.
model="$scratch/my own model.safetensors"
cp "$models/continuo-pitch-standard.safetensors" "$model"
cat >"$scratch/lv2/file.lv2/manifest.ttl" <<END
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<urn:continuo:test:with-a-file> a pset:Preset ; lv2:appliesTo <urn:continuo:pitch> ; rdfs:seeAlso <file.ttl> .
END
cat >"$scratch/lv2/file.lv2/file.ttl" <<END
@prefix atom: <http://lv2plug.in/ns/ext/atom#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix state: <http://lv2plug.in/ns/ext/state#> .
<urn:continuo:test:with-a-file> a pset:Preset ; lv2:appliesTo <urn:continuo:pitch> ; rdfs:label "With a file" ;
    lv2:port [ lv2:symbol "a4" ; pset:value 441 ] , [ lv2:symbol "minimum_note" ; pset:value 35 ] ;
    state:state [ <urn:continuo:pitch#modelFile> "$model"^^atom:Path ] .
END

recording=$scratch/marked.wav
"$tests/pad" "$melodies/trumpet.flac" "$recording" mark

# An export preset of floats as they are, for Ardour's own format of that kind.
float_preset=6d0c6b0e-5a3f-4b57-8f0c-0d2f5f0a7c11
mkdir -p "$scratch/home/config/ardour7/export"
{
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo "<ExportPreset id=\"$float_preset\" name=\"Floats\">"
    grep -ho 'id="[^"]*"' "/usr/share/ardour7/export/BWAV 32float Export.format" | head -n 1 | sed 's|.*|<ExportFormat &/>|'
    echo '<ExportFilename><Folder relative="1" path="export"/><Field name="timespan" enabled="1"/>'
    echo '<Field name="time" enabled="0" value="T_None"/><Field name="date" enabled="0" value="D_None"/></ExportFilename></ExportPreset>'
} >"$scratch/home/config/ardour7/export/floats.preset"

session=$scratch/session
# ardour STEP: its results in $scratch/STEP. Ardour crashes now and then by itself, so a signal means another try.
ardour() {
    local step=$1 status
    for attempt in 1 2 3; do
        case $step in make | synth_make | bass_make) rm -rf "$session" ;; esac
        env STEP="$step" SESSION="$session" OUT="$scratch/out" FRAMES=$((14 * rate)) PLAYER_FILE="$recording" \
            NOTE_LOGGER_FILE="$scratch/notes" SONG_FILE="$scratch/song.wav" FLOAT_PRESET="$float_preset" HOME="$scratch/home" \
            XDG_CONFIG_HOME="$scratch/home/config" XDG_CACHE_HOME="$scratch/home/cache" XDG_DATA_HOME="$scratch/home/data" \
            LV2_PATH="$(dirname "$bundle"):$(dirname "$synth_bundle"):$(dirname "$bass_bundle"):$tests:$scratch/lv2" \
            timeout 120 ardour7-lua "$hosts/ardour.lua" >"$scratch/$step" 2>&1
        status=$?
        [ $status -lt 128 ] && return 0
        note "Ardour ended with status $status in step $step, try $attempt"
    done
}
result() { sed -n "s/^result[[:space:]]*$2[[:space:]]*//p" "$scratch/$1" | tr '\t' ' '; }

ardour make
log=$(sed -n 's/.*path="urn:continuo:pitch" scan-log="\([^"]*\)" scan-result="\([0-9]*\)".*/\2 \1/p' \
    "$scratch"/home/config/ardour7/plugin_metadata/scan_log 2>/dev/null | sed 's/&#10;/; /g')
[[ $log == 0\ * ]] && ok "Ardour's scan takes the plugin" || not_ok "Ardour's scan takes the plugin" "$log"
if ! grep -q '^result.saved' "$scratch/make"; then
    not_ok "Ardour: inserted, set and saved" "$(grep -v WARNING "$scratch/make" | tail -n 2 | tr '\n' ' ')"
    finish
fi
ok "Ardour: inserted, set and saved"
[ "$(result make preset | grep -c loaded)" -eq 2 ] && result make control | grep -qx 'Lowest_frequency 155' &&
    ok "Ardour: a factory preset sets its controls" || not_ok "Ardour: a factory preset sets its controls" "$(result make preset)"

ardour load
[ "$(result load unknown)" = 0 ] && ok "Ardour, a new process: no unknown plugin" ||
    not_ok "Ardour, a new process: no unknown plugin" "$(grep -v WARNING "$scratch/load" | tail -n 2 | tr '\n' ' ')"
values=$(result load control | sort | tr '\n' ' ')
expected="A4 441 Bend_range 3 Confidence_threshold 0.55 Hop 10 Lowest_frequency 155 Shortest_note 35 "
[ "$values" = "$expected" ] && ok "Ardour, a new process: control values survive" ||
    not_ok "Ardour, a new process: control values survive" "$values"
[ "$(result load exported)" = true ] || not_ok "Ardour: exports" "$(tail -n 2 "$scratch/load" | tr '\n' ' ')"

# Ardour makes the loudest sample full scale; but for that and the 16 bits' dither the sound is the same.
check "Ardour: the exported sound is the recording" python3 - "$scratch/out/export.wav" "$recording" <<'END'
import array, sys
def samples(path, kind, scale):
    data = open(path, "rb").read()
    at = data.index(b"data", 36) + 8
    channels = int.from_bytes(data[data.index(b"fmt ") + 10:][:2], "little")
    values = array.array(kind, data[at:len(data) - (len(data) - at) % (channels * array.array(kind).itemsize)])
    return [value / scale for value in values[::channels]]
export, sound = samples(sys.argv[1], "h", 32768), samples(sys.argv[2], "f", 1)
peak = max(range(len(sound)), key=lambda i: abs(sound[i]))
there = max(range(len(export)), key=lambda i: abs(export[i]))
gain, shift = export[there] / sound[peak], there - peak
assert shift >= 0 and shift + len(sound) <= len(export), f"it lies {shift} samples in"
worst = max(abs(export[shift + i] - gain * value) for i, value in enumerate(sound))
assert worst < 4 / 32768, f"it differs by {worst} at gain {gain}"
END

# The deadline that the plugin gives itself depends on the block; render's is that of 256 frames.
delay=$("$program" render urn:continuo:pitch --seconds 0.1 --json 2>/dev/null --rate $rate | python3 -c 'import json, sys
print(*(o["last"] for o in json.load(sys.stdin)["controlOutputs"] if o["symbol"] == "tracking_delay"))')
if residue=$(python3 "$hosts/notes.py" --grid "$scratch/notes" $rate $hop); then
    silence=$(awk -v ms="$delay" -v rate=$rate -v hop=$hop -v residue="$residue" -v block="$(result load block)" \
        'BEGIN { frames = int(ms * rate / 1000 + 0.5) - 256 + block - residue; print ((frames % hop) + hop) % hop }')
    "$tests/pad" "$recording" "$scratch/moved.wav" "$silence"
    "$program" render urn:continuo:pitch --preset Trumpet --control a4=441 --control minimum_note=35 --control bend_range=3 \
        --input "$scratch/moved.wav" --record-midi "$scratch/reference.mid" >"$scratch/render" 2>&1
    residue=$(python3 "$hosts/notes.py" "$scratch/reference.mid" "$scratch/notes" $tick) && ok "Ardour: the notes that render finds ($residue)" ||
        not_ok "Ardour: the notes that render finds" "$(tr '\n' ' ' <<<"$residue")"
else
    not_ok "Ardour: the notes that render finds" "$residue"
fi

# Which model file it took shows when that file is gone.
find "$scratch" -name 'my own model*.safetensors' -exec rm {} +
ardour look
grep -q 'my own model' "$scratch/look" && ok "Ardour, a new process: the model file survives" ||
    not_ok "Ardour, a new process: the model file survives" "$(grep -iE 'continuo|model' "$scratch/look" | head -n 3 | tr '\n' ' ')"

# Continuo Synth, in an instrument track.
if ! with_synth_weights; then finish; fi
session=$scratch/synth-session
ardour synth_make
if ! grep -q '^result.saved' "$scratch/synth_make"; then
    not_ok "Ardour: Continuo Synth in an instrument track, set and saved" "$(grep -v WARNING "$scratch/synth_make" | tail -n 2 | tr '\n' ' ')"
    finish
fi
ok "Ardour: Continuo Synth in an instrument track, set and saved"
for uri in synth transfer; do
    log=$(sed -n "s/.*path=\"urn:continuo:$uri\" scan-log=\"\([^\"]*\)\" scan-result=\"\([0-9]*\)\".*/\2 \1/p" \
        "$scratch"/home/config/ardour7/plugin_metadata/scan_log 2>/dev/null | sed 's/&#10;/; /g')
    [[ $log == 0\ * ]] && ok "Ardour's scan takes urn:continuo:$uri" || not_ok "Ardour's scan takes urn:continuo:$uri" "$log"
done
ardour synth_load
[ "$(result synth_load unknown)" = 0 ] && ok "Ardour, a new process: Continuo Synth is known" ||
    not_ok "Ardour, a new process: Continuo Synth is known" "$(grep -v WARNING "$scratch/synth_load" | tail -n 2 | tr '\n' ' ')"
before=$(result synth_make synth_control | sort | tr '\n' ' ')
values=$(result synth_load synth_control | sort | tr '\n' ' ')
[ "$(result synth_make synth_preset)" = loaded ] && [ "$values" = "$before" ] && [[ $values == *"Formants -2 "*"Instrument 9 Room 0 "* ]] &&
    ok "Ardour, a new process: preset and controls of Continuo Synth survive" ||
    not_ok "Ardour, a new process: preset and controls of Continuo Synth survive" "'$values' for '$before'"
# Five notes 1.5 s apart, each sounding, silence between them; Ardour makes the loudest sample full scale.
check "Ardour: an export holds the five notes" python3 - "$scratch/out/synth.wav" <<'END'
import array, sys
data = open(sys.argv[1], "rb").read()
at = data.index(b"data", 36) + 8
fmt = data.index(b"fmt ")
channels, rate = int.from_bytes(data[fmt + 10:][:2], "little"), int.from_bytes(data[fmt + 12:][:4], "little")
samples = array.array("h", data[at:len(data) - (len(data) - at) % (2 * channels)])[::channels]
step = rate // 100
loud = [max(abs(value) for value in samples[i:i + step]) > 400 for i in range(0, len(samples) - step, step)]
onsets, quiet = [], 10
for place, sounds in enumerate(loud):
    if sounds and quiet >= 8:
        onsets.append(place / 100)
    quiet = 0 if sounds else quiet + 1
gaps = [round(b - a, 2) for a, b in zip(onsets, onsets[1:])]
assert len(onsets) == 5 and all(abs(gap - 1.5) < 0.06 for gap in gaps), f"onsets at {onsets} s"
END

# Continuo Bass: a bar captured while the transport rolls, its take saved, and in a new process part of the song from its beginning on.
if ! with_bass_weights; then finish; fi
session=$scratch/bass-session
python3 "$hosts/wavfile.py" "$scratch/song.wav" $rate 8
take=
for attempt in 1 2 3; do
    ardour bass_make
    take=$(find "$session" -name take-1.wav 2>/dev/null | head -n 1)
    [ -s "$take" ] && break
    note "Ardour: no take was saved ($(result bass_make bass_rolled) samples rolled), try $attempt"
done
log=$(sed -n 's/.*path="urn:continuo:bass" scan-log="\([^"]*\)" scan-result="\([0-9]*\)".*/\2 \1/p' \
    "$scratch"/home/config/ardour7/plugin_metadata/scan_log 2>/dev/null | sed 's/&#10;/; /g')
[[ $log == 0\ * ]] && ok "Ardour's scan takes urn:continuo:bass" || not_ok "Ardour's scan takes urn:continuo:bass" "$log"
outputs="$(result bass_make bass_free) $(result bass_make bass_strict)"
[ "$outputs" = "4 2" ] && ok "Ardour: a track with Continuo Bass has 4 outputs, a strict one 2" ||
    not_ok "Ardour: a track with Continuo Bass has 4 outputs, a strict one 2" "$outputs"
if [ ! -s "$take" ]; then
    not_ok "Ardour: a captured bar's take is saved" "$(grep -v WARNING "$scratch/bass_make" | tail -n 2 | tr '\n' ' ')"
    finish
fi
ok "Ardour: a captured bar's take is saved"
for number in 1 2; do
    ardour bass_load
    mv "$scratch/out/bass.wav" "$scratch/out/bass-$number.wav"
done
[ "$(result bass_load unknown)" = 0 ] && [ "$(result bass_load bass_free)" = 4 ] && ok "Ardour, a new process: Continuo Bass is known" ||
    not_ok "Ardour, a new process: Continuo Bass is known" "$(grep -v WARNING "$scratch/bass_load" | tail -n 2 | tr '\n' ' ')"
cp "$hosts/wavfile.py" "$scratch/"
check "Ardour, a new process: its export has the take from the first bar on; another's, the same bits" \
    python3 - "$scratch" "$take" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from wavfile import *
take = samples(sys.argv[2])
exports = [[samples(f"{sys.argv[1]}/out/bass-{n}.wav", side) for side in (0, 1)] for n in (1, 2)]
assert peak(take) > 0.01, "the take is silence"
assert exports[0] == exports[1], "the second export differs"
for side in exports[0]:
    assert len(side) > 2 * len(take), f"{len(side)} samples"
    worst = max(abs(value - take[n % len(take)]) for n, value in enumerate(side) if n >= 400)
    assert worst < 1e-6, f"it differs by {worst}"
END
finish
