# Sourced by the test scripts of this folder. Each check prints one line, `ok - what` or `not ok - what: why`, which
# Tests/run.sh counts; what else a script has to say goes into lines beginning with `#`.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 2
tests=$root/build/tests
program=${CONTINUO_PROGRAM:-$root/build/bin/continuo}
bundle=${CONTINUO_PITCH_BUNDLE:-$root/build/lv2/continuo-pitch.lv2}
library=$bundle/pitch.so
linked=$root/.build-embedded/release  # what the bundle's library was linked from
models=${CONTINUO_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/continuo/models}
melodies=$root/Tests/vectors/melodies
hosts=$root/Tests/hosts
export LV2_PATH="$(dirname "$bundle"):/usr/lib/lv2"
mkdir -p "$tests"
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
    pitch_defaults
    if ! "$clang" -std=gnu2x -Wall -Wextra -Wno-unused-parameter -I"$hosts" -I"$root/Plugins/Pitch/include" -I"$tests" \
        "${shared[@]}" -o "$tests/$name" "$@" >"$tests/$name.log" 2>&1; then
        not_ok "$name compiles" "$(head -n 3 "$tests/$name.log" | tr '\n' ' ')"
        finish
    fi
}

# The control inputs' defaults, from where they are said: the TTL.
pitch_defaults() {
    local made
    made=$(awk '/lv2:index/ { port = $2 } /lv2:default/ { printf "    [%s] = %sf,\n", port, ($2 ~ /\./ ? $2 : $2 ".0") }' \
        ttl/pitch/pitch.ttl)
    made="static const float pitch_defaults[PORT_COUNT] = {"$'\n'"$made"$'\n'"};"
    [ "$(cat "$tests/pitch_defaults.h" 2>/dev/null)" = "$made" ] || echo "$made" >"$tests/pitch_defaults.h"
}

# Ends a process that this script started, and waits for it.
stop() {
    kill "$1" 2>/dev/null || return 0
    for _ in $(seq 50); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# with_weights: false, with a failed check, if the model that the tests need is not installed.
with_weights() {
    [ -f "$models/crepe-tiny.safetensors" ] && return 0
    not_ok "weights" "crepe-tiny is not installed in $models, so nothing was tested; get it with: continuo models get crepe-tiny"
    return 1
}
