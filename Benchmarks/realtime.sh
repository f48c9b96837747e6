#!/usr/bin/env bash
# Ten minutes (MINUTES=n) of Continuo Pitch at 64 frames and 48 kHz on a real-time jackd (dummy driver), fed with real
# instruments without a pause, while a process on each core does nothing but compute (at nice LOAD_NICE, 0 by default). Prints the callback's load, xruns and late
# frames. The bar: no late frame, no xrun of ours, the callback's 99.9th percentile under 10 % of the period.
set -euo pipefail
cd "$(dirname "$0")/.."
export LV2_PATH=$PWD/build/lv2:/usr/lib/lv2
minutes=${MINUTES:-10}
model=${MODEL:-0} hop=${HOP:-10}
work=$(mktemp -d)
server=continuo-bench-$$
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
swift build -c release --product continuo-bench 2>&1 | grep -E 'error' || true
.build/release/continuo-bench loop $((minutes * 60)) "$work/input.wav" Tests/vectors/melodies/*.flac
if jackd -R -P70 -n "$server" -d dummy -r 48000 -p 64 >"$work/jackd.log" 2>&1 & then pids+=($!); fi
sleep 1
if ! kill -0 "${pids[0]}" 2>/dev/null || grep -q "Cannot use real-time scheduling" "$work/jackd.log"; then
    echo "jackd could not run in real-time mode here (it needs the right to SCHED_FIFO):" >&2
    cat "$work/jackd.log" >&2
    exit 1
fi
for ((i = 0; i < $(nproc); i++)); do
    nice -n "${LOAD_NICE:-0}" bash -c "while :; do :; done" &
    pids+=($!)
done
# Beside it in the same minutes, a plugin that does next to nothing (lv2-examples' amplifier): what it suffers, the machine does.
amp=http://lv2plug.in/plugins/eg-amp
if build/bin/continuo info "$amp" >/dev/null 2>&1; then
    build/bin/continuo host "$amp" --server "$server" --name control --seconds $((minutes * 60)) --histogram >"$work/control.txt" &
    control=$!
fi
build/bin/continuo host urn:continuo:pitch --server "$server" --input "$work/input.wav" --control model="$model" \
    --control hop="$hop" --histogram
if [ -n "${control:-}" ]; then
    wait "$control"
    echo
    echo "beside it, an amplifier (eg-amp), for comparison:"
    grep -vE '^output|^eg-amp|^Simple' "$work/control.txt"
fi
