#!/usr/bin/env bash
# RealtimeSanitizer on the shipped library's run(), and on copies with planted faults, which it must stop.
. "$(dirname "$0")/common.sh"
with_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export RTSAN_OPTIONS=halt_on_error=true
compile rtsan -g -O1 -fsanitize=realtime -fuse-ld=lld "$hosts/rtsan.c" -ldl -lm -lpthread -lsndfile

said=$(timeout 120 "$tests/rtsan" "$bundle" "$models" "$melodies/alto-sax.flac" "$library" 2>"$scratch/errors")
status=$?
if [ $status -eq 0 ] && ! grep -q 'RealtimeSanitizer' "$scratch/errors" && [[ $said =~ ^blocks\ ([0-9]+)\ notes\ ([0-9]+)$ ]] &&
    [ "${BASH_REMATCH[1]}" -gt 5000 ] && [ "${BASH_REMATCH[2]}" -gt 50 ]; then
    ok "run() neither allocates, locks nor blocks ($said)"
else
    not_ok "run() neither allocates, locks nor blocks" "status $status, $said $(grep -v '^Continuo Pitch' "$scratch/errors" |
        head -n 8 | tr '\n' ' ')"
fi

mapfile -t objects < <(grep -v '/pitch\.c\.o$' "$linked/ContinuoPitch.product/Objects.LinkFileList")
faults=("" malloc pthread_mutex_lock 'usleep|nanosleep' write)
for plant in 1 2 3 4; do
    compile rtsan-planted.so -O1 -DPLANT=$plant -fuse-ld=lld -fvisibility=hidden -I"$root/Sources/CPitchTracker/include" \
        "$hosts/rtsan_planted.c" "${objects[@]}" -Wl,--gc-sections -lm
    timeout 60 "$tests/rtsan" "$bundle" "$models" "$melodies/alto-sax.flac" "$tests/rtsan-planted.so" \
        >"$scratch/out" 2>"$scratch/errors"
    status=$?
    if [ $status -ne 0 ] && [ $status -ne 124 ] && grep -q 'RealtimeSanitizer: unsafe-library-call' "$scratch/errors" &&
        grep -qE "real-time unsafe function \`(${faults[$plant]})\`" "$scratch/errors"; then
        ok "planted in run(), ${faults[$plant]} is found"
    else
        not_ok "planted in run(), ${faults[$plant]} is found" "status $status, $(head -n 3 "$scratch/errors" | tr '\n' ' ')"
    fi
done
finish
