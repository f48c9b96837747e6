#!/usr/bin/env bash
# RealtimeSanitizer on the shipped libraries' run(), and on copies with planted faults, which it must stop.
. "$(dirname "$0")/common.sh"
with_weights || finish
with_synth_weights || finish
with_bass_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export RTSAN_OPTIONS=halt_on_error=true
compile rtsan -g -O1 -fsanitize=realtime -fuse-ld=lld "$hosts/rtsan.c" -ldl -lm -lpthread -lsndfile

said=$(timeout 120 "$tests/rtsan" "$bundle" "$models" "$melodies/alto-sax.flac" "$library" 2>"$scratch/errors")
status=$?
if [ $status -eq 0 ] && ! grep -q 'RealtimeSanitizer' "$scratch/errors" && [[ $said =~ ^blocks\ ([0-9]+)\ notes\ ([0-9]+)$ ]] &&
    [ "${BASH_REMATCH[1]}" -gt 5000 ] && [ "${BASH_REMATCH[2]}" -gt 50 ]; then
    ok "pitch: run() neither allocates, locks nor blocks ($said)"
else
    not_ok "pitch: run() neither allocates, locks nor blocks" "status $status, $said $(grep -v '^Continuo Pitch' "$scratch/errors" |
        head -n 8 | tr '\n' ' ')"
fi

faults=("" malloc pthread_mutex_lock 'usleep|nanosleep' write)
# planted PLUGIN NUMBER COMMAND…: the command, on a library with fault NUMBER planted, is stopped by the sanitizer.
planted() {
    local plugin=$1 fault=$2 status
    shift 2
    timeout 60 "$@" >"$scratch/out" 2>"$scratch/errors"
    status=$?
    if [ $status -ne 0 ] && [ $status -ne 124 ] && grep -q 'RealtimeSanitizer: unsafe-library-call' "$scratch/errors" &&
        grep -qE "real-time unsafe function \`(${faults[$fault]})\`" "$scratch/errors"; then
        ok "$plugin: planted in run(), ${faults[$fault]} is found"
    else
        not_ok "$plugin: planted in run(), ${faults[$fault]} is found" "status $status, $(head -n 3 "$scratch/errors" | tr '\n' ' ')"
    fi
}
for fault in 1 2 3 4; do
    relink Pitch rtsan-planted.so -O1 -DPLANT=$fault -fuse-ld=lld "$hosts/rtsan_planted.c"
    planted pitch $fault "$tests/rtsan" "$bundle" "$models" "$melodies/alto-sax.flac" "$tests/rtsan-planted.so"
done

compile rtsan-synth -g -O1 -fsanitize=realtime -fuse-ld=lld "$hosts/rtsan_synth.c" -ldl -lm -lpthread -lsndfile
for plugin in synth transfer; do
    said=$(timeout 120 "$tests/rtsan-synth" $plugin "$synth_bundle" "$synth_model" "$melodies/alto-sax.flac" "$synth_library" \
        2>"$scratch/errors")
    status=$?
    if [ $status -eq 0 ] && ! grep -q 'RealtimeSanitizer' "$scratch/errors" && [[ $said =~ ^blocks\ ([0-9]+)\ sounding\ ([0-9]+)$ ]] &&
        [ "${BASH_REMATCH[1]}" -gt 3000 ] && [ "${BASH_REMATCH[2]}" -gt 1000 ]; then
        ok "$plugin: run() neither allocates, locks nor blocks ($said)"
    else
        not_ok "$plugin: run() neither allocates, locks nor blocks" "status $status, $said $(grep -vE '^Continuo' "$scratch/errors" |
            head -n 8 | tr '\n' ' ')"
    fi
done
for fault in 1 2 3 4; do
    relink Synth rtsan-planted-synth.so -O1 -DPLANT=$fault -DPLANT_SYNTH -D_GNU_SOURCE -fuse-ld=lld "$hosts/rtsan_planted.c"
    planted synth $fault "$tests/rtsan-synth" synth "$synth_bundle" "$synth_model" "$melodies/alto-sax.flac" \
        "$tests/rtsan-planted-synth.so"
done

compile rtsan-bass -g -O1 -fsanitize=realtime -fuse-ld=lld "$hosts/rtsan_bass.c" -ldl -lm -lpthread
python3 "$hosts/wavfile.py" "$scratch/style.wav" 44100 3
said=$(timeout 120 "$tests/rtsan-bass" "$bass_bundle" "$scratch/style.wav" "$scratch" "$bass_library" 2>"$scratch/errors")
status=$?
if [ $status -eq 0 ] && ! grep -q 'RealtimeSanitizer' "$scratch/errors" &&
    [[ $said =~ ^blocks\ ([0-9]+)\ sounding\ ([0-9]+)\ takes\ ([0-9]+)$ ]] &&
    [ "${BASH_REMATCH[1]}" -gt 5000 ] && [ "${BASH_REMATCH[2]}" -gt 1000 ] && [ "${BASH_REMATCH[3]}" -gt 8 ]; then
    ok "bass: run() neither allocates, locks nor blocks ($said)"
else
    not_ok "bass: run() neither allocates, locks nor blocks" "status $status, $said $(grep -vE '^Continuo' "$scratch/errors" |
        head -n 8 | tr '\n' ' ')"
fi
for fault in 1 2 3 4; do
    relink Bass rtsan-planted-bass.so -O1 -DPLANT=$fault -DPLANT_BASS -D_GNU_SOURCE -fuse-ld=lld "$hosts/rtsan_planted.c" \
        "$root/Plugins/Bass/sound_files.c"
    planted bass $fault "$tests/rtsan-bass" "$bass_bundle" "$scratch/style.wav" "$scratch" "$tests/rtsan-planted-bass.so"
done
finish
