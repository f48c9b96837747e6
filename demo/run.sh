#!/usr/bin/env bash
# The demonstration (make run): Continuo Pitch, loaded from its bundle by the JACK host, listens to a recording in real time; then
# Continuo Synth plays a tune, and the recording on another instrument; then Continuo Bass plays to a song that has no bass.
#   demo/run.sh [RECORDING]
# Uses a running JACK (or PipeWire's JACK) server; where there is none it starts a jackd of its own with the dummy driver and
# stops it at the end. Leaves in build/demo: the recording with a tone that follows its pitch (WAV), the notes heard (MIDI), the
# pitch (CSV) and a picture (PNG); the tune and the transfers with their spectrograms; the bass, alone and with its song.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
recording=${1:-demo/recording.flac}
case $recording in
    /*) ;;
    *) [ -e "$recording" ] || recording=$here/$recording ;;
esac
[ -r "$recording" ] || { echo "make run: $recording: no such recording" >&2; exit 1; }
out=build/demo
mkdir -p "$out"
rm -f "$out"/pitch.* "$out"/readings.csv "$out"/tune* "$out"/transfer* "$out"/bass* "$out"/song*
export LV2_PATH=$PWD/build/lv2:/usr/local/lib/lv2:/usr/lib/lv2

server=() jackd=
stop() {
    [ -z "$jackd" ] || { kill "$jackd" 2>/dev/null || true; wait "$jackd" 2>/dev/null || true; }
}
trap stop EXIT
if build/bin/continuo host --check-server urn:continuo:pitch >/dev/null 2>&1; then
    echo "using the running JACK server"
else
    name=continuo-demo-$$
    echo "no JACK server is running: starting jackd with the dummy driver, as $name"
    # In real-time mode where this user may, else without.
    for mode in "-R" "-r"; do
        jackd $mode -n "$name" -d dummy -r 48000 -p 256 >"$out/jackd.log" 2>&1 &
        jackd=$!
        for _ in $(seq 50); do
            sleep 0.1
            build/bin/continuo host --check-server --server "$name" urn:continuo:pitch >/dev/null 2>&1 && break 2
            kill -0 "$jackd" 2>/dev/null || break
        done
        stop
        jackd=
    done
    [ -n "$jackd" ] || { echo "make run: jackd did not start:" >&2; cat "$out/jackd.log" >&2; exit 1; }
    server=(--server "$name")
fi

echo "listening to $recording …"
build/bin/continuo host urn:continuo:pitch "${server[@]}" --name continuo-demo --input "$recording" \
    --record-midi "$out/pitch.mid" --record-controls "$out/readings.csv" | tee "$out/summary.txt"
stop
jackd=
build/bin/continuo show "$recording" --track "$out/readings.csv" --midi "$out/pitch.mid" \
    --tone "$out/pitch.wav" --csv "$out/pitch.csv" --plot "$out/pitch.png"

# play|transfer INPUT NAME PRESET: the sound and its picture; the line with its levels is kept for the end.
levels=()
render() {
    local line
    line=$(build/bin/continuo "$1" "$2" -o "$out/$3.wav" --preset "$4" --plot "$out/$3.png" 2>&1) || { echo "$line" >&2; exit 1; }
    levels+=("$line")
}
echo "playing demo/tune.mid …"
render play demo/tune.mid tune "Cello"
render play demo/tune.mid tune-glass-pluck "Glass Pluck"
echo "playing $recording on other instruments …"
render transfer "$recording" transfer "Into a Violin"
render transfer "$recording" transfer-ghost-choir "Ghost Choir"
echo "playing a bass to demo/song.ogg …"
line=$(build/bin/continuo bass demo/song.ogg -o "$out/bass.wav" --mixdown "$out/song-with-bass.wav" --midi "$out/bass.mid" \
    --plot "$out/bass.png" 2>&1) || { echo "$line" >&2; exit 1; }
levels+=("$(tail -n 1 <<<"$line")")

echo
echo "in $out:"
echo "  pitch.wav   the recording (left) and a tone that follows its pitch (right)"
echo "  pitch.mid   the notes that were heard, with pitch bend"
echo "  pitch.csv   time, frequency, confidence"
echo "  pitch.png   spectrogram with the pitch drawn over it"
echo "  tune.wav, tune-glass-pluck.wav              demo/tune.mid with two presets of Continuo Synth"
echo "  transfer.wav, transfer-ghost-choir.wav      the recording's pitch and loudness on other instruments"
echo "  bass.wav, song-with-bass.wav, bass.mid      a bass for demo/song.ogg (drums and keys), with it, and as notes"
echo "  … .png beside each   notes and spectrogram; of transfer and bass, what was heard above it"
printf '  %s\n' "${levels[@]}"
