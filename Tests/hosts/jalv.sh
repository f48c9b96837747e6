#!/usr/bin/env bash
# A real jackd, real jalv, and our own host: the same recording gives the same notes as `continuo render`, Continuo Synth plays from
# MIDI at once, and control values, presets and the model file get from one host to another.
#
# How notes can be compared exactly: the plugin estimates pitch on a grid of hops that begins when it is activated. Where in it a
# live recording began is read off its note-ons, and render is given the recording with that many samples of silence before it, and four
# seconds more: the network remembers some two seconds, in which the plugin in jalv has heard silence.
. "$(dirname "$0")/common.sh"
with_weights || finish
with_synth_weights || finish
rate=44100 hop=441
tick=0.0011  # two of a MIDI file's ticks, to which render's times are rounded
. "$hosts/jack.sh"
recording=$melodies/trumpet.flac
compile jacktape -O1 "$hosts/jacktape.c" -ljack -lsndfile
compile pad -O1 "$hosts/pad.c" -lsndfile

# start_jalv ARGUMENTS…: jalv with Continuo Pitch.
start_jalv() { start_jalv_of pitch midi_out "$@" urn:continuo:pitch; }

# reference TRACKING_DELAY TAPE_DELAY NOTES OUT SETTINGS…: renders the recording, moved to the grid that NOTES were made on: a
# note-on comes a whole number of hops, the tracking delay (ms) and the tape's own (frames) after the plugin's activation.
reference() {
    local delay=$1 tape=$2 notes=$3 out=$4 residue silence
    shift 4
    residue=$(python3 "$hosts/notes.py" --grid "$notes" $rate $hop) || { echo "$residue"; return 1; }
    silence=$(awk -v ms="$delay" -v rate=$rate -v hop=$hop -v residue="$residue" -v tape="$tape" \
        'BEGIN { frames = int(ms * rate / 1000 + 0.5) + tape - residue; print ((frames % hop) + hop) % hop + 400 * hop }')
    "$tests/pad" "$recording" "$scratch/moved.wav" "$silence" &&
        "$program" render urn:continuo:pitch --input "$scratch/moved.wav" --record-midi "$out" "$@" >"$scratch/render" 2>&1
}

# live WHAT SETTINGS…: the recording through jalv as it runs; notes against render with SETTINGS. A frame that was late on a busy
# machine makes other notes, as it should, and jalv loses sound without telling: then it is tried again.
live() {
    local what=$1 said late before delay
    shift
    heard=
    for attempt in 1 2 3 4 5; do
        before=$(ask monitors late_frames)
        said=$(timeout 120 "$tests/jacktape" tape "$recording" pitch:in pitch:out pitch:midi_out "$scratch/notes" 2>&1) ||
            { not_ok "$what" "$said"; return; }
        late=$(ask monitors late_frames)
        delay=$(ask monitors tracking_delay)
        if [ "$before" != "$late" ] || [ -z "$late" ] || [[ $said != delay* ]]; then
            note "$what: frames came late ($before, then $late), or sound was lost ($said): try $attempt"
            continue
        fi
        heard=$(head -n 1 <<<"$said")
        if said=$(reference "$delay" "${heard#delay }" "$scratch/notes" "$scratch/reference.mid" "$@" &&
            python3 "$hosts/notes.py" "$scratch/reference.mid" "$scratch/notes" $tick); then
            ok "$what ($said)"
            return
        fi
        note "$what: other notes: $(tr '\n' ' ' <<<"$said"): try $attempt"
    done
    not_ok "$what" "in five tries frames came late, sound was lost or the notes were others: $(tail -n 1 <<<"$said")"
}

start_jalv
[ "$(ask monitors status)" = 0.000000 ] && ok "jalv: loads the plugin, a model is ready" ||
    not_ok "jalv: loads the plugin, a model is ready" "$(tail -n 3 "$scratch/jalv" | tr '\n' ' ')"
live "jalv: the notes that render finds"
[ "$heard" = "delay 256" ] && ok "jalv: the sound passes through, undelayed" ||
    not_ok "jalv: the sound passes through, undelayed" "$heard (256 is the tape's own)"

echo "set a4 452" >&9
echo "minimum_note = 80" >&9
live "jalv: notes with controls set from its console" --control a4=452 --control minimum_note=80

stop_jalv

# A preset by way of a saved state: without a window jalv 1.6.6 applies no preset to a running plugin.
"$program" render urn:continuo:pitch --seconds 0.1 --preset Trumpet --save-state "$scratch/preset" >"$scratch/save" 2>&1 ||
    not_ok "a preset is applied and saved" "$(tail -n 1 "$scratch/save")"
start_jalv -l "$(dirname "$(find "$scratch/preset" -name state.ttl | head -n 1)")"
missing=
while read -r symbol value; do
    now=$(ask controls "$symbol")
    awk -v a="$now" -v b="$value" 'BEGIN { exit !(a != "" && a - b < 1e-3 && b - a < 1e-3) }' || missing+="$symbol is $now for $value "
done < <(awk '/lv2:symbol/ { gsub(/[";]/, ""); symbol = $2 } /pset:value/ { gsub(/;/, ""); print symbol, $2 }' presets/pitch/trumpet.ttl)
[ -z "$missing" ] && ok "jalv: a preset's values, by way of our host's saved state" ||
    not_ok "jalv: a preset's values, by way of our host's saved state" "$missing"
stop_jalv

# State: saved by our host (jalv's console cannot save), loaded by jalv, which has nothing else to know it from.
cp "$models/continuo-pitch-quick.safetensors" "$scratch/my own model.safetensors"
"$program" render urn:continuo:pitch --seconds 0.2 --control a4=450 --control hop=5 --control bend_range=12 \
    --control "modelFile=$scratch/my own model.safetensors" --save-state "$scratch/state" >"$scratch/save" 2>&1 ||
    not_ok "state is saved" "$(tail -n 1 "$scratch/save")"
state=$(dirname "$(find "$scratch/state" -name state.ttl | head -n 1)")
start_jalv -l "$state"
values="$(ask controls a4) $(ask controls hop) $(ask controls bend_range) $(ask monitors status)"
[ "$values" = "450.000000 5.000000 12.000000 0.000000" ] && ok "jalv: control values from a saved state" ||
    not_ok "jalv: control values from a saved state" "$values"
stop_jalv
# Which file it took shows when that file is gone.
find "$scratch" -name 'my own model.safetensors' -exec rm {} +
start_jalv -l "$state"
[ "$(ask monitors status)" = 2.000000 ] && grep -q 'my own model.safetensors' "$scratch/jalv" &&
    ok "jalv: the model file from a saved state" ||
    not_ok "jalv: the model file from a saved state" "status $(ask monitors status), $(grep -i model "$scratch/jalv" | head -n 1)"
stop_jalv

# Our own host, on the same server.
for attempt in 1 2 3 4 5; do
    said=$("$program" host urn:continuo:pitch --input "$recording" --record-midi "$scratch/host.mid" --json 2>&1)
    late=$(python3 -c 'import json, sys
text = sys.stdin.read()
report = json.loads(text[text.index("{"):])
print(*(o["last"] for o in report["controlOutputs"] if o["symbol"] in ("late_frames", "tracking_delay")))' <<<"$said" 2>&1)
    [[ $late == *" 0" ]] && break
    note "continuo host: frames came late ($late), try $attempt"
done
if "$program" render urn:continuo:pitch --input "$recording" --record-midi "$scratch/reference.mid" >"$scratch/render" 2>&1 &&
    said=$(python3 "$hosts/notes.py" "$scratch/reference.mid" "$scratch/host.mid" $tick); then
    ok "continuo host: the notes that render finds ($said)"
else
    not_ok "continuo host: the notes that render finds" "$late $(tr '\n' ' ' <<<"$said")"
fi

# Continuo Synth: notes from MIDI, each heard after exactly the latency that it reports, and at its pitch.
compile jackplayer -O1 "$hosts/jackplayer.c" -ljack -lm
# play WHAT: five notes through the client `synth`; a frame that was late on a busy machine, or an xrun, means another try.
play() {
    local what=$1 said late before latency wrong
    for attempt in 1 2 3 4 5; do
        before=$(ask monitors late_frames)
        said=$(timeout 60 "$tests/jackplayer" player synth:control synth:out_left synth:out_right 2>&1) || { not_ok "$what" "$said"; return; }
        late=$(ask monitors late_frames)
        latency=$(timeout 5 jack_lsp -l synth:out_left | sed -n 's/.*latency = \[ \([1-9][0-9]*\) .*/\1/p')  # jalv tells JACK
        [ "$before" = "$late" ] && [ -n "$late" ] && [[ $said == *"xruns 0" ]] && break
        note "$what: frames came late ($before, then $late), or sound was lost: try $attempt"
        before=
    done
    [ -n "$before" ] || { not_ok "$what" "in five tries frames came late or sound was lost: $(tail -n 1 <<<"$said")"; return; }
    # Sound begins with a gate that opens from zero: its first sample that is not may come one later.
    wrong=$(awk -v latency="${latency%.*}" -v period=256 '/^onset/ {
        count++
        if ($2 < latency + period || $2 > latency + period + 1) print "onset", $2, "for", latency + period
        if ($4 < -60 || $4 > 0) print "level", $4
        if ($6 < 10) print "pitch", $6
    } END { if (count != 5) print count, "notes" }' <<<"$said" | head -n 3 | tr '\n' ' ')
    [ -z "$wrong" ] && ok "$what (latency $(awk -v f="$latency" -v r=$rate 'BEGIN { printf "%.1f ms", f / r * 1000 }'), exact)" ||
        not_ok "$what" "$wrong"
}
start_jalv_of synth out_left urn:continuo:synth
[ "$(ask monitors status)" = 0.000000 ] && ok "jalv: loads Continuo Synth, a model is ready" ||
    not_ok "jalv: loads Continuo Synth, a model is ready" "$(tail -n 3 "$scratch/jalv" | tr '\n' ' ')"
echo "set room 0" >&9
play "jalv: Continuo Synth plays from MIDI"
stop_jalv
"$program" render urn:continuo:synth --seconds 0.1 --preset Flute --control room=0 --control gain=-3 --save-state "$scratch/synth" \
    >"$scratch/save" 2>&1 || not_ok "a preset of Continuo Synth is applied and saved" "$(tail -n 1 "$scratch/save")"
start_jalv_of synth out_left -l "$(dirname "$(find "$scratch/synth" -name state.ttl | head -n 1)")" urn:continuo:synth
values="$(ask controls instrument_a) $(ask controls tremolo) $(ask controls room) $(ask controls gain)"
[ "$values" = "4.000000 1.500000 0.000000 -3.000000" ] && ok "jalv: Continuo Synth's values from a saved state" ||
    not_ok "jalv: Continuo Synth's values from a saved state" "$values"
play "jalv: Continuo Synth plays with a preset"
stop_jalv

# Continuo Transfer: a recording in, its pitch read and something heard.
start_jalv_of transfer out_left urn:continuo:transfer
heard=
for attempt in 1 2 3 4; do
    "$tests/jacktape" tape "$recording" transfer:in transfer:out_left - "$scratch/notes" >/dev/null 2>&1 &
    taped=$!
    for _ in $(seq 60); do
        pitch=$(ask monitors pitch)
        awk -v pitch="$pitch" 'BEGIN { exit !(pitch > 40 && pitch < 100) }' && heard=$pitch && break
        kill -0 $taped 2>/dev/null || break
        sleep 0.1
    done
    stop $taped
    [ -z "$heard" ] || break
    note "jalv: Continuo Transfer hears nothing (pitch '$pitch'): try $attempt"
done
[ -n "$heard" ] && ok "jalv: Continuo Transfer hears a recording (note $heard)" ||
    not_ok "jalv: Continuo Transfer hears a recording" "pitch '$pitch', status $(ask monitors status)"
stop_jalv

kill -0 "${started[0]}" 2>/dev/null && ok "jackd still runs" || not_ok "jackd still runs" "$(tail -n 2 "$scratch/jackd" | tr '\n' ' ')"
finish
