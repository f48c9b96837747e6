#!/usr/bin/env bash
# Continuo Bass in a real jackd, by jalv and by our own host: the mix passes undelayed, bars are captured from the console, and the takes
# of a state that one host has saved sound in the other, bit by bit.
. "$(dirname "$0")/common.sh"
with_bass_weights || finish
rate=44100
. "$hosts/jack.sh"
compile jacktape -O1 "$hosts/jacktape.c" -ljack -lsndfile
cp "$hosts/wavfile.py" "$scratch/"

# Chords, in the plugin's own bars of two seconds each.
python3 "$hosts/wavfile.py" "$scratch/mix.wav" $rate 3

# tape: the mix through jalv's client `bass`; what comes of the bass in $scratch/heard.wav, its notes in $scratch/notes. False if
# the mix did not come out as it went in, a period later: a busy machine may lose some.
tape() {
    said=$(timeout 60 "$tests/jacktape" tape "$scratch/mix.wav" bass:in_left,bass:in_right bass:through_left bass:midi_out \
        "$scratch/notes" bass:bass_left "$scratch/heard.wav" 2>&1) && [[ $said == "delay 256"* ]]
}
# judge WHAT CHECK ARGUMENTS…: the check's own line is said with it, too.
judge() {
    local what=$1 line
    shift
    line=$("$@" 2>&1) && ok "$what${line:+ ($line)}" || not_ok "$what" "$(tail -n 3 <<<"$line" | tr '\n' ' ')"
}
press() { echo "$1 = $2" >&9; }
start_bass() {
    start_jalv_of bass bass_left "$@" urn:continuo:bass
    for _ in $(seq 50); do
        state=$(ask monitors state)
        [ "$state" = 0.000000 ] && break
        sleep 0.1
    done
}

start_bass
[ "$state" = 0.000000 ] && ok "jalv: loads Continuo Bass, its models are ready" ||
    not_ok "jalv: loads Continuo Bass, its models are ready" "state '$state', $(tail -n 3 "$scratch/jalv" | tr '\n' ' ')"
for attempt in 1 2 3 4 5; do
    tape && break
    note "the mix through jalv: $(tr '\n' ' ' <<<"$said"), try $attempt"
done
[[ $said == "delay 256"* ]] && ok "jalv: the mix passes undelayed, bit by bit" || not_ok "jalv: the mix passes undelayed, bit by bit" "$said"
silent() {
    python3 - "$scratch" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from wavfile import *
assert peak(samples(sys.argv[1] + "/heard.wav")) == 0, "a bass sounds that nobody asked for"
END
}
judge "jalv: no bass before there is a take" silent

python3 "$hosts/wavfile.py" "$scratch/mix.wav" $rate 12

# Captured while it plays: one bar, and so a take that repeats every two seconds.
captured() {
    python3 - "$scratch" "$(ask monitors takes)" "$(ask monitors playing)" "$(wc -l <"$scratch/notes")" <<'END'
import math, sys
sys.path.insert(0, sys.argv[1])
from wavfile import *
assert sys.argv[2] == "1.000000" and sys.argv[3] == "1.000000", f"{sys.argv[2]} takes, {sys.argv[3]} plays"
heard, bar = samples(sys.argv[1] + "/heard.wav"), 88200
start = next(n for n, value in enumerate(heard) if value)
assert start > 3 * 44100, f"it sounds after {start / 44100:.2f} s"
assert peak(heard[start:start + bar]) > 0.01, "it is silence"
assert heard[start + 400:start + bar] == heard[start + bar + 400:start + 2 * bar], "it does not repeat"
assert int(sys.argv[4]) > 2, "it gives no notes"
print(f"from {start / 44100:.1f} s on, peak {20 * math.log10(peak(heard)):.0f} dB, {sys.argv[4]} MIDI messages")
END
}
for attempt in 1 2 3 4; do
    { sleep 1.5; press bars 1; sleep 0.2; press capture 1; } &
    presser=$!
    tape
    whole=$?
    wait $presser
    [ $whole -eq 0 ] && captured >"$scratch/captured" 2>&1 && break
    note "a captured bar: $(tr '\n' ' ' <<<"$said") $(tail -n 1 "$scratch/captured" 2>/dev/null), try $attempt"
    stop_jalv
    start_bass
done
judge "jalv: a bar captured from its console, and its bass from then on" captured
stop_jalv

# A state that our host has saved, in jalv, which has nothing else to know it from.
"$program" render urn:continuo:bass --input "$scratch/mix.wav" --tempo 120 --control bars=2 --control capture=1 \
    --output "$scratch/render.wav" --save-state "$scratch/state" >"$scratch/save" 2>&1
state_folder=$(dirname "$(find "$scratch/state" -name state.ttl | head -n 1)")
take=$(find "$scratch/state" -name take-1.wav | head -n 1)
[ -s "$take" ] && ok "our host saves a take as a file" || not_ok "our host saves a take as a file" "$(tail -n 1 "$scratch/save")"
# same FILE CHANNEL FROM: what is heard there from FROM seconds on is the saved take, over and over.
same() {
    python3 - "$scratch" "$take" "$@" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from wavfile import *
take, heard, start = samples(sys.argv[2]), samples(sys.argv[3], int(sys.argv[4])), int(float(sys.argv[5]) * 44100)
assert peak(take) > 0.01, "the take is silence"
heard = heard[start:start + 2 * len(take)]
assert len(heard) == 2 * len(take), "it is too short"
at = max(range(len(take)), key=lambda n: abs(take[n]))
for place in range(len(take)):
    shift = (place - at) % len(take)
    if heard[place] == take[at] and heard[shift:shift + len(take)] == take and heard[:shift] == take[len(take) - shift:]:
        print(f"{len(take) / 44100:.0f} s, the same bits")
        break
else:
    raise SystemExit(f"it is another sound (peak {peak(heard):.3f} for {peak(take):.3f})")
END
}
start_bass -l "$state_folder"
sleep 2.5  # until a bar line
for attempt in 1 2 3 4 5; do
    tape && break
    note "a saved state in jalv: $(tr '\n' ' ' <<<"$said"), try $attempt"
done
judge "jalv: the take of a saved state sounds" same "$scratch/heard.wav" 0 0.5
values="$(ask monitors takes) $(ask controls bars)"
[ "$values" = "1.000000 2.000000" ] && ok "jalv: takes and controls of a saved state" || not_ok "jalv: takes and controls of a saved state" "$values"
stop_jalv

# Our own host, on the same server: the saved state, and a capture of its own. own CHECK ARGUMENTS…: runs the host with ARGUMENTS until it
# lost nothing and the check passes.
cat >"$scratch/rolling.toml" <<'END'
[[plugin]]
uri = "urn:continuo:bass"

[transport]
tempo = 120
rolling = true
END
own() {
    local check=$1
    shift
    for attempt in 1 2 3 4; do
        timeout 60 "$program" host "$scratch/rolling.toml" --server "$JACK_DEFAULT_SERVER" --input "$scratch/mix.wav" \
            --record "$scratch/host.wav" --json "$@" >"$scratch/said" 2>&1
        $check >"$scratch/checked" 2>&1 && break
        note "continuo host: $(grep -o '"xruns".*' "$scratch/said") $(tail -n 1 "$scratch/checked" 2>/dev/null), try $attempt"
    done
}
sounds_again() { same "$scratch/host.wav" 2 3; }
own sounds_again --preset "$state_folder"
judge "continuo host: the take of a saved state sounds" sounds_again
in_place() {
    python3 - "$scratch" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from wavfile import *
mix = samples(sys.argv[1] + "/mix.wav")
through, bass = samples(sys.argv[1] + "/host.wav", 0), samples(sys.argv[1] + "/host.wav", 2)
late = next(n for n, value in enumerate(through) if value) - next(n for n, value in enumerate(mix) if value)
assert through[late:late + len(mix)] == mix, "the mix is changed"
begin = next(n for n, value in enumerate(bass) if value)
assert peak(bass) > 0.01, "it is silence"
assert begin >= 2 * 88200, f"it begins at {begin / 44100:.2f} s"
assert bass[begin + 400:begin + 88200] == bass[begin + 88600:begin + 2 * 88200], "it does not repeat"
print(f"from {(begin - late) / 44100:.2f} s of the mix on")
END
}
own in_place --control bars=1 --control capture=1
judge "continuo host: the mix passes, a captured bar gets its bass" in_place

kill -0 "${started[0]}" 2>/dev/null && ok "jackd still runs" || not_ok "jackd still runs" "$(tail -n 2 "$scratch/jackd" | tr '\n' ' ')"
finish
