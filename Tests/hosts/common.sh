# Sourced by the test scripts of this folder. Each check prints one line, `ok - what` or `not ok - what: why`, which
# Tests/run.sh counts; what else a script has to say goes into lines beginning with `#`.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 2
tests=$root/build/tests
program=${CONTINUO_PROGRAM:-$root/build/bin/continuo}
bundle=${CONTINUO_PITCH_BUNDLE:-$root/build/lv2/continuo-pitch.lv2}
library=$bundle/pitch.so
synth_bundle=${CONTINUO_SYNTH_BUNDLE:-$root/build/lv2/continuo-synth.lv2}
synth_library=$synth_bundle/synth.so
synth_model=$synth_bundle/models/continuo-synth.safetensors
bass_bundle=${CONTINUO_BASS_BUNDLE:-$root/build/lv2/continuo-bass.lv2}
bass_library=$bass_bundle/bass.so
linked=$root/.build-embedded/release  # what the bundles' libraries were linked from
models=$root/models
melodies=$root/Tests/vectors/melodies
hosts=$root/Tests/hosts
export LV2_PATH="$(dirname "$bundle"):$(dirname "$synth_bundle"):$(dirname "$bass_bundle"):/usr/lib/lv2"
mkdir -p "$tests"
# What hosts keep of themselves is each script's own; what those that are gone have left goes.
for left in "$tests"/state-*; do [ ! -d "$left" ] || kill -0 "${left##*-}" 2>/dev/null || rm -rf "$left"; done
export XDG_STATE_HOME=$tests/state-$$
failures=0

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1: $2"; failures=$((failures + 1)); }
note() { echo "# $*"; }
# finish: the script's exit status.
finish() { exit $((failures > 0)); }

# check WHAT COMMAND…: ok if the command succeeds; else its last lines are the reason.
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "$(tail -n 3 <<<"$said" | tr '\n' ' ')"; fi
}

# The toolchain's own clang: Debian's lacks the real-time sanitizer.
clang=clang
[ ! -x "$(dirname "$(readlink -f "$(command -v swift)")")/clang" ] || clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang

# compile NAME FLAGS…: NAME (with .so: a library) in build/tests from the sources among FLAGS. A failure to compile ends the script.
compile() {
    local name=$1
    shift
    local -a shared=()
    [[ $name != *.so ]] || shared=(-shared -fPIC)
    values pitch pitch/pitch.ttl ""
    values synth synth/synth.ttl SYNTH_
    values transfer synth/transfer.ttl TRANSFER_
    values bass bass/bass.ttl BASS_
    if ! "$clang" -std=gnu2x -Wall -Wextra -Wno-unused-parameter -Wno-unused-const-variable -Wno-unused-function -I"$hosts" \
        -I"$root/Plugins/Pitch/include" -I"$root/Plugins/Synth/include" -I"$root/Sources/CDDSPSynth/include" \
        -I"$root/Plugins/Bass/include" -I"$root/Sources/CBassGenerator/include" -I"$tests" "${shared[@]}" -o "$tests/$name" \
        "$@" >"$tests/$name.log" 2>&1; then
        not_ok "$name compiles" "$(head -n 3 "$tests/$name.log" | tr '\n' ' ')"
        finish
    fi
}

# values NAME TTL PREFIX: build/tests/NAME_values.h: the control ports' defaults, and what the TTL allows of them and of the readings.
values() {
    local made
    made=$(awk -v name="$1" -v prefix="$3" '
        function number(text) { return (text ~ /\./ ? text : text ".0") "f" }
        /lv2:index/ { port = $2 }
        /lv2:default/ { standard[port] = number($2) }
        /lv2:minimum/ { least[port] = number($2) }
        /lv2:maximum/ { most[port] = number($2) }
        function table(what, values, port) {
            printf "static const float %s_%s[%sPORT_COUNT] = {\n", name, what, prefix
            for (port in values) printf "    [%s] = %s,\n", port, values[port]
            print "};"
        }
        END { table("defaults", standard); table("minima", least); table("maxima", most) }' "ttl/$2")
    [ "$(cat "$tests/$1_values.h" 2>/dev/null)" = "$made" ] || echo "$made" >"$tests/$1_values.h"
}

# relink PLUGIN NAME FLAGS…: build/tests/NAME from the objects that PLUGIN's library was linked from, but for its shim's, and FLAGS.
relink() {
    local plugin=$1 name=$2
    shift 2
    local -a objects
    mapfile -t objects < <(grep -vE "/Continuo$plugin\.build/[a-z_]*\.c\.o$" "$linked/Continuo$plugin.product/Objects.LinkFileList")
    compile "$name" -fvisibility=hidden -I"$root/Sources/CPitchTracker/include" "$@" "${objects[@]}" -Wl,--gc-sections -lm
}

# where PROCESS: notes where its threads are, and those of the processes that it started.
where() {
    local task child
    for task in "/proc/$1/task/"*; do
        [ ! -r "$task/comm" ] ||
            note "process $1, thread $(cat "$task/comm"): $(sed -n 's/^State:\t//p' "$task/status"), in $(cat "$task/wchan" 2>/dev/null)," \
                "system call $(cat "$task/syscall" 2>/dev/null)"
    done
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do where "$child"; done
}

# ended PROCESS: waits until a process that this script started has ended, at most 30 s: a machine may stand still for a while, and a
# client of JACK's waits for periods to end before it goes. False, with where its threads are, if it runs on.
ended() {
    local began=${EPOCHREALTIME/[.,]/} took
    while kill -0 "$1" 2>/dev/null; do
        took=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
        if [ $took -gt 30000 ]; then
            where "$1"
            return 1
        fi
        sleep 0.05
    done
    [ ${took:-0} -lt 2000 ] || note "process $1 ended after $took ms"
}

# Ends a process that this script started, and waits for it.
stop() {
    kill "$1" 2>/dev/null || return 0
    ended "$1" || kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# with_weights: false, with a failed check, if the bundle lacks its models.
with_weights() {
    [ -f "$bundle/models/continuo-pitch-quick.safetensors" ] && return 0
    not_ok "weights" "$bundle/models has no models, so nothing was tested"
    return 1
}

# with_synth_weights: the same of Continuo Synth's bundle, which brings its own.
with_synth_weights() {
    [ -f "$synth_model" ] && return 0
    not_ok "weights" "$synth_model is missing, so nothing was tested"
    return 1
}

# with_bass_weights: the same of Continuo Bass's.
with_bass_weights() {
    [ -f "$bass_bundle/models/continuo-bass-generator.safetensors" ] && return 0
    not_ok "weights" "$bass_bundle/models has no models, so nothing was tested"
    return 1
}
