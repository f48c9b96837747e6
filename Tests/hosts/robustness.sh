#!/usr/bin/env bash
# What hosts do to the plugin, and worse (robustness.c says what): the bundle as it ships, then the same code with its C parts
# under the address and undefined-behaviour sanitizers, which also look for leaks.
. "$(dirname "$0")/common.sh"
with_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty" "$scratch/models"

compile robustness -g -O1 "$hosts/robustness.c" -ldl -lm -lpthread

# The plugin linked once more from the same objects, but for its shim, compiled anew.
sanitize=(-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fuse-ld=lld)
mapfile -t objects < <(grep -v '/pitch\.c\.o$' "$linked/ContinuoPitch.product/Objects.LinkFileList")
compile pitch-sanitized.so "${sanitize[@]}" -fvisibility=hidden -I"$root/Sources/CPitchTracker/include" \
    "$root/Plugins/Pitch/pitch.c" "${objects[@]}" -Wl,--gc-sections -lm
compile robustness-sanitized "${sanitize[@]}" "$hosts/robustness.c" -ldl -lm -lpthread

# judge NAME EXPECTED COMMAND…: passes a program's checks on. It must have made EXPECTED of them, and end by itself.
judge() {
    local name=$1 expected=$2 status said lines
    shift 2
    said=$(timeout 120 "$@" 2>"$scratch/errors")
    status=$?
    sed -E "s/^(ok|not ok) - /&$name/" <<<"$said"
    failures=$((failures + $(grep -c '^not ok' <<<"$said")))
    lines=$(grep -cE '^(ok|not ok) - ' <<<"$said")
    if [ $status -gt 1 ] || [ "$lines" -lt "$expected" ] || grep -qE 'Sanitizer|runtime error' "$scratch/errors"; then
        not_ok "${name}runs to its end" "status $status after $lines checks, in $(grep '^# ' "$scratch/errors" | tail -n 1); $(
            grep -E 'ERROR|SUMMARY|runtime error' "$scratch/errors" | head -n 3 | tr '\n' ' ')"
        sed 's/^/#     /' "$scratch/errors" | grep -v 'Continuo Pitch:' | head -n 40
    else
        ok "${name}runs to its end"
    fi
}
judge "" 36 "$tests/robustness" "$bundle" "$models" "$scratch/models"
judge "" 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness" --no-weights "$bundle"
judge "sanitized: " 36 "$tests/robustness-sanitized" "$bundle" "$models" "$scratch/models" "$tests/pitch-sanitized.so"
judge "sanitized: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-sanitized" --no-weights "$bundle" \
    "$tests/pitch-sanitized.so"
finish
