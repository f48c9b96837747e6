# Sourced after common.sh by the test scripts that need JACK: a jackd of their own (`rate` Hz, 256 frames), and jalv in it.
scratch=$(mktemp -d)
export JACK_DEFAULT_SERVER=continuo-test-$$-$RANDOM JACK_NO_AUDIO_RESERVATION=1 JACK_NO_START_SERVER=1
started=()
cleanup() {
    for process in "${started[@]}"; do stop "$process"; done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Clients have a time limit each: two that come at one moment can leave one waiting for jackd2 for ever.

# Synchronous: on a busy machine a period lasts longer, and no client is left out of it.
jackd -r -S -n "$JACK_DEFAULT_SERVER" -d dummy -r $rate -p 256 >"$scratch/jackd" 2>&1 &
started+=($!)
for _ in $(seq 200); do timeout 5 jack_lsp >/dev/null 2>&1 && break; sleep 0.1; done
timeout 5 jack_lsp >/dev/null 2>&1 || { not_ok "jackd starts" "$(tail -n 2 "$scratch/jackd" | tr '\n' ' ')"; finish; }

# start_jalv_of NAME PORT ARGUMENTS…: jalv as the client NAME, which is there when it has PORT; its console at file descriptor 9, what it
# says in $scratch/jalv.
start_jalv_of() {
    local name=$1 port=$2
    shift 2
    rm -f "$scratch/console"
    mkfifo "$scratch/console"
    exec 9<>"$scratch/console"
    stdbuf -oL jalv -n "$name" "$@" <"$scratch/console" >"$scratch/jalv" 2>&1 &
    jalv=$!
    started+=($jalv)
    for _ in $(seq 200); do timeout 5 jack_lsp 2>/dev/null | grep -q "^$name:$port" && break; sleep 0.1; done
    sleep 0.5
}
stop_jalv() {
    stop $jalv
    exec 9>&-
}
# ask COMMAND SYMBOL: what jalv's console answers for a symbol.
ask() {
    : >"$scratch/jalv.mark"
    local from
    from=$(wc -c <"$scratch/jalv")
    echo "$1" >&9
    for _ in $(seq 50); do
        tail -c +$((from + 1)) "$scratch/jalv" | grep -qE "^(> )?$2 = " && break
        sleep 0.1
    done
    tail -c +$((from + 1)) "$scratch/jalv" | sed -nE "s/^(> )?$2 = (.*)$/\2/p" | tail -n 1
}
