#!/usr/bin/env bash
# What hosts do to the plugins, and worse (robustness.c, robustness_synth.c and robustness_bass.c say what): the bundles as they ship, then the same code
# with its C parts under the address and undefined-behaviour sanitizers, which also look for leaks.
. "$(dirname "$0")/common.sh"
with_weights || finish
with_synth_weights || finish
with_bass_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty" "$scratch/models" "$scratch/bare.lv2" "$scratch/bare-pitch.lv2" "$scratch/bare-bass.lv2"

sanitize=(-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fuse-ld=lld)
compile robustness -g -O1 "$hosts/robustness.c" -ldl -lm -lpthread
compile robustness-sanitized "${sanitize[@]}" "$hosts/robustness.c" -ldl -lm -lpthread
compile robustness-synth -g -O1 "$hosts/robustness_synth.c" -ldl -lm -lpthread
compile robustness-synth-sanitized "${sanitize[@]}" "$hosts/robustness_synth.c" -ldl -lm -lpthread
compile robustness-bass -g -O1 "$hosts/robustness_bass.c" -ldl -lm -lpthread
compile robustness-bass-sanitized "${sanitize[@]}" "$hosts/robustness_bass.c" -ldl -lm -lpthread
# The plugins linked once more from the same objects, but for their shims, compiled anew.
relink Pitch pitch-sanitized.so "${sanitize[@]}" "$root/Plugins/Pitch/pitch.c"
relink Synth synth-sanitized.so "${sanitize[@]}" "$root/Plugins/Synth/synth.c"
relink Bass bass-sanitized.so "${sanitize[@]}" "$root/Plugins/Bass/bass.c" "$root/Plugins/Bass/sound_files.c"

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
        sed 's/^/#     /' "$scratch/errors" | grep -vE 'Continuo (Pitch|Synth|Transfer|Bass):' | head -n 40
    else
        ok "${name}runs to its end"
    fi
}
# The bundle without its weights.
cp -r "$bundle/." "$scratch/bare-pitch.lv2/"
rm -r "$scratch/bare-pitch.lv2/models"
judge "pitch: " 36 "$tests/robustness" "$bundle" "$models" "$scratch/models"
judge "pitch: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness" --no-weights "$scratch/bare-pitch.lv2"
judge "pitch, sanitized: " 36 "$tests/robustness-sanitized" "$bundle" "$models" "$scratch/models" "$tests/pitch-sanitized.so"
judge "pitch, sanitized: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-sanitized" --no-weights "$scratch/bare-pitch.lv2" \
    "$tests/pitch-sanitized.so"

# The bundle without its weights.
cp -r "$synth_bundle/." "$scratch/bare.lv2/"
rm -r "$scratch/bare.lv2/models"
for plugin in synth transfer; do
    judge "$plugin: " 34 "$tests/robustness-synth" $plugin "$synth_bundle" "$synth_model" "$scratch/models"
    judge "$plugin: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-synth" --no-weights $plugin "$scratch/bare.lv2"
    judge "$plugin, sanitized: " 34 "$tests/robustness-synth-sanitized" $plugin "$synth_bundle" "$synth_model" "$scratch/models" \
        "$tests/synth-sanitized.so"
    judge "$plugin, sanitized: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-synth-sanitized" --no-weights $plugin \
        "$scratch/bare.lv2" "$tests/synth-sanitized.so"
done

# The bundle without its weights; and a sound that serves as a style.
cp -r "$bass_bundle/." "$scratch/bare-bass.lv2/"
rm -r "$scratch/bare-bass.lv2/models"
python3 "$hosts/wavfile.py" "$scratch/style.wav" 44100 3
mkdir "$scratch/bass" "$scratch/bass-sanitized"
judge "bass: " 61 "$tests/robustness-bass" "$bass_bundle" "$scratch/style.wav" "$scratch/bass"
judge "bass: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-bass" --no-weights "$scratch/bare-bass.lv2"
judge "bass, sanitized: " 61 "$tests/robustness-bass-sanitized" "$bass_bundle" "$scratch/style.wav" "$scratch/bass-sanitized" \
    "$tests/bass-sanitized.so"
judge "bass, sanitized: " 2 env CONTINUO_MODELS="$scratch/empty" "$tests/robustness-bass-sanitized" --no-weights \
    "$scratch/bare-bass.lv2" "$tests/bass-sanitized.so"
finish
