#!/usr/bin/env bash
# A running host saved as a patch: loaded and saved again it has the same bytes, rendered it sounds the same to the bit; saved with copies, it
# goes on when the folder has moved and the files that it was made with are gone.
. "$(dirname "$0")/common.sh"
with_weights && with_synth_weights || finish
scratch=$(mktemp -d)
server=continuo-saved-$$
export JACK_DEFAULT_SERVER=$server JACK_NO_START_SERVER=1
jackd -r -n "$server" -d dummy -r 48000 -p 256 >/dev/null 2>&1 &
jack=$!
trap 'stop "${host:-0}"; stop "$jack"; rm -rf "$scratch"' EXIT
for _ in $(seq 200); do timeout 5 jack_lsp >/dev/null 2>&1 && break; sleep 0.1; done
mkdir "$scratch/files"
cp "$models/continuo-pitch-quick.safetensors" "$scratch/files/my own.safetensors"
cat >"$scratch/start.toml" <<TOML
name = "To be saved"

[[plugin]]
name = "pitch"
uri = "urn:continuo:pitch"
preset = "High Voice"
parameters = { "urn:continuo:pitch#modelFile" = "files/my own.safetensors" }

[[plugin]]
name = "cello"
uri = "urn:continuo:synth"
preset = "Solo Cello"

[[plugin]]
name = "string"
uri = "http://lv2plug.in/plugins/eg-params"
parameters = { string = "a \"quoted\"\n\\\\backslash" }

[[connection]]
from = "in_1"
to = "pitch:in"

[[connection]]
from = "pitch:midi_out"
to = "cello:control"

[[connection]]
from = "cello:out_*"
to = "system:playback_*"
gain = 0.7

[[connection]]
from = "cello:out_left"
to = "out_1"

[[midi]]
control = "cello:brightness"
cc = 74
curve = "logarithmic"
range = [0.1, 0.9]
TOML

# play PATCH COMMAND…: a host that plays PATCH and does the commands; what it answered in $scratch/answers
play() {
    local patch=$1
    shift
    mkfifo "$scratch/console"
    timeout 60 "$program" host "$patch" --name "saved-$RANDOM" --console <"$scratch/console" >"$scratch/answers" 2>"$scratch/errors" &
    host=$!
    exec 9>"$scratch/console"
    # The host answers when it runs; parameters reach a plugin in its first periods.
    echo list >&9
    for _ in $(seq 300); do [ -s "$scratch/answers" ] && break; sleep 0.1; done
    sleep 1
    kill -0 $host 2>/dev/null && printf '%s\n' "$@" quit >&9
    wait $host
    exec 9>&-
    rm -f "$scratch/console"
}
play "$scratch/start.toml" "param_set 1 room 0.37" "param_set 0 a4 442" "midi_range 1 1,2 30 90 -12" "midi_map 0 gate 0 7 -60 -20" \
    "patch_save $scratch/a/mine.toml"
if grep -q 'resp -' "$scratch/answers" || [ ! -s "$scratch/a/mine.toml" ]; then
    mkdir -p "$scratch/a"
    not_ok "a running host is saved" "$(grep 'resp -' "$scratch/answers" | head -n 2 | tr '\n' ' ')$(tail -n 2 "$scratch/errors" | tr '\n' ' ')"
    finish
fi
ok "a running host is saved"
render() {
    "$program" render "$1" --input "$melodies/voice-oohs.flac" --seconds 4 --output "$scratch/$2.wav" --json >"$scratch/$2.json" 2>"$scratch/errors" &&
        [ -s "$scratch/$2.wav" ]
}
level() { sed -n 's/.*"level" : \([-0-9.]*\).*/\1/p' "$scratch/$1.json"; }
render "$scratch/a/mine.toml" a || not_ok "what was saved is rendered" "$(tail -n 1 "$scratch/errors")"
play "$scratch/a/mine.toml" "patch_save $scratch/b/mine.toml" "patch_save $scratch/elsewhere/mine.toml copy"
difference=$(diff -r "$scratch/a" "$scratch/b" 2>&1 | head -n 3 | tr '\n' ' ')
[ -z "$difference" ] && ok "loaded and saved again it has the same bytes" || not_ok "loaded and saved again it has the same bytes" "$difference"
render "$scratch/b/mine.toml" b && cmp -s "$scratch/a.wav" "$scratch/b.wav" && ok "it sounds the same, to the bit ($(level a) dBFS)" ||
    not_ok "it sounds the same, to the bit" "it does not: $(cmp "$scratch/a.wav" "$scratch/b.wav" 2>&1 | head -n 1)"
rm -rf "$scratch/files" "$scratch/a" "$scratch/b"
mv "$scratch/elsewhere" "$scratch/moved"
render "$scratch/moved/mine.toml" c && cmp -s "$scratch/a.wav" "$scratch/c.wav" && ok "it has its files with it" ||
    not_ok "it has its files with it" "$(tail -n 1 "$scratch/errors") $(find "$scratch/moved" -xtype l | head -n 2 | tr '\n' ' ')"
grep -q '"modelFile" : ".*my own.safetensors"\|my own.safetensors' "$scratch/c.json" && ok "the model file is the one it was saved with" ||
    not_ok "the model file is the one it was saved with" "$(grep -i model "$scratch/c.json" | head -n 2 | tr '\n' ' ')"
finish
