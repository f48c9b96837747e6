#!/usr/bin/env bash
# Rebuilds recording.flac from Debian's sonic-pi-samples (needs sox). The result is committed; SOURCES.md names the parts.
set -euo pipefail
cd "$(dirname "$0")"
samples=${SAMPLES:-/usr/share/sonic-pi/samples}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# part NAME FROM LENGTH GAIN: mono, faded at both ends, 0.3 s of silence after it
part() {
    sox -D "$samples/$1.flac" -b 16 "$work/$1.wav" remix - trim "$2" "$3" gain -n "$4" fade t 0.003 -0 0.12 pad 0 0.3
    parts+=("$work/$1.wav")
}
parts=()
part guit_harmonics 0 3.0 -3
part guit_e_slide 0 3.4 -3
part ambi_glass_rub 0.1 2.6 -9
part bass_woodsy_c 0 2.2 -6
sox -D "${parts[@]}" -C 8 recording.flac pad 0.3 0
