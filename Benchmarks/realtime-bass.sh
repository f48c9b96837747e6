#!/usr/bin/env bash
# Ten minutes (MINUTES=n) of Continuo Bass at 64 frames and 48 kHz on a real-time jackd (dummy driver), in Follow mode with bars so short
# (an eighth of a second, BPM=1000 for two beats of them) and steps so many that as soon as a take is done the next is asked for, while a
# process on each core (LOAD=n: so many) does nothing but compute. Prints the callback's load, xruns, for how much of the time takes were
# made, and how often one was not ready at its bar line (with such bars: often).
# The bar: no late frame (xrun of ours), the callback's 99.9th percentile under 5 % of the period.
set -euo pipefail
cd "$(dirname "$0")/.."
export LV2_PATH=$PWD/build/lv2:/usr/lib/lv2
seconds=$(awk -v minutes="${MINUTES:-10}" 'BEGIN { print int(minutes * 60) }')
work=$(mktemp -d)
server=continuo-bench-$$
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
python3 Tests/hosts/wavfile.py "$work/song.wav" 48000 "$seconds"
if jackd -R -P70 -n "$server" -d dummy -r 48000 -p 64 >"$work/jackd.log" 2>&1 & then pids+=($!); fi
sleep 1
if ! kill -0 "${pids[0]}" 2>/dev/null || grep -q "Cannot use real-time scheduling" "$work/jackd.log"; then
    echo "jackd could not run in real-time mode here (it needs the right to SCHED_FIFO):" >&2
    cat "$work/jackd.log" >&2
    exit 1
fi
for ((i = 0; i < ${LOAD:-$(nproc)}; i++)); do
    nice -n "${LOAD_NICE:-0}" bash -c "while :; do :; done" &
    pids+=($!)
done
cat >"$work/follow.toml" <<TOML
[[plugin]]
uri = "urn:continuo:bass"
controls = { mode = 1, bars = 1, steps = ${STEPS:-32}, guidance = 3 }

[transport]
tempo = ${BPM:-1000}
beats_per_bar = 2
rolling = true
TOML
# Beside it in the same minutes, a plugin that does next to nothing (lv2-examples' amplifier): what it suffers, the machine does.
amp=http://lv2plug.in/plugins/eg-amp
if build/bin/continuo info "$amp" >/dev/null 2>&1; then
    build/bin/continuo host "$amp" --server "$server" --name control --seconds "$seconds" --histogram >"$work/control.txt" &
    control=$!
    sleep 1
fi
build/bin/continuo host "$work/follow.toml" --server "$server" --input "$work/song.wav" --tail 0 --record-controls "$work/readings.csv" \
    --histogram
python3 - "$work/readings.csv" <<'END'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
names = [name.split(":")[-1].split("/")[-1].strip().lower() for name in rows[0]]
def column(name):
    return next(i for i, found in enumerate(names) if found.endswith(name))
times = [float(row[0]) for row in rows[1:]]
states = [float(row[column("state")]) for row in rows[1:]]
newest = [float(row[column("newest")]) for row in rows[1:]]
busy = sum(b - a for a, b, state in zip(times, times[1:], states) if state == 3)
made = sum(a != b for a, b in zip(newest, newest[1:]))
print(f"takes: {made}; made during {100 * busy / max(times[-1] - times[0], 1e-9):.0f} % of the time, "
      f"{float(rows[-1][column('seconds_per_take')]):.2f} s the last; not ready at their bar line: {float(rows[-1][column('late')]):.0f} times")
END
if [ -n "${control:-}" ]; then
    wait "$control"
    echo
    echo "beside it, an amplifier (eg-amp), for comparison:"
    grep -vE '^output|^eg-amp|^Simple' "$work/control.txt"
fi
