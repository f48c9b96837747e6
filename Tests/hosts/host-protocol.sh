#!/usr/bin/env bash
# The remote port: mod-host's protocol against a real host on jackd's dummy driver, hostile clients, and what the music hears of it.
. "$(dirname "$0")/common.sh"
server=continuo-protocol-$$
export JACK_DEFAULT_SERVER=$server
folder=$tests/protocol-$$
mkdir -p "$folder"
jackd -r -n "$server" -d dummy -r 48000 -p 128 >/dev/null 2>&1 &
jack=$!
trap 'stop ${host:-0}; stop $jack; rm -rf "$folder"' EXIT
for _ in $(seq 200); do timeout 5 jack_lsp >/dev/null 2>&1 && break; sleep 0.1; done
read -r port feedback < <(python3 -c '
import socket
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
field() { sed -n "s/.*\"$1\" : \([-0-9.a-z\"]*\),\{0,1\}$/\1/p" "$folder/report" | head -n 1; }

# A machine that stands still for a moment makes a period too long whatever the host does: then all is done again, and every check
# has to hold each time.
for attempt in 1 2 3 4; do
    rm -rf "$folder"
    mkdir -p "$folder"
    "$program" host --port "$port" --feedback-port "$feedback" --json </dev/null >"$folder/report" 2>"$folder/errors" &
    host=$!
    for _ in $(seq 200); do timeout 5 jack_lsp 2>/dev/null | grep -q 'continuo:midi_in' && break; sleep 0.1; done
    python3 "$hosts/host_protocol.py" "$port" "$feedback" "$folder" || failures=$((failures + 1))
    if ended "$host"; then ok "quit ends the host"; else not_ok "quit ends the host" "it still runs"; stop "$host"; fi
    wait "$host"
    status=$?
    [ "$status" = 0 ] && ok "it ends with status 0" || not_ok "it ends with status 0" "status $status: $(tail -n 2 "$folder/errors")"
    [ "$(field end)" = '"quit"' ] && ok "the report says so" || not_ok "the report says so" "$(field end)"
    overruns=$(field overruns)
    note "load: mean $(field load), worst $(field loadWorst); xruns of JACK's own: $(field xruns)"
    [ "${overruns:-1}" != 0 ] && [ $failures = 0 ] || break
    note "$overruns periods took too long: try $attempt"
done
[ "${overruns:-1}" = 0 ] && ok "no period took the host too long" || not_ok "no period took the host too long" "$overruns did"

# A sequencer's MIDI clock leads tempo and transport.
compile clock -O1 "$hosts/clock.c" -ljack -lm
mkfifo "$folder/led"
"$program" host --console --name led <"$folder/led" >"$folder/out" 2>"$folder/errors" &
host=$!
exec 9>"$folder/led"
echo "transport_sync midi" >&9
for _ in $(seq 300); do [ -s "$folder/out" ] && break; sleep 0.1; done
for attempt in 1 2 3 4 5; do
    said=$(timeout 60 "$tests/clock" led:midi_in 97 2 2>&1)
    wrong=$(awk '{ for (i = 1; i < NF; i++) value[$i] = $(i + 1) }
        function check(what, bad) { if (bad) print what ": " $0 }
        /tempo/ { check("tempo", value["tempo"] < 95 || value["tempo"] > 99) }
        { check("rolling", value["rolling"] != ($1 ~ /^(started|continued)/)); count++ }
        /off/ { check("place", value["off"] > 20) }
        END { if (count != 4) print count " lines" }' <<<"$said" | tr '\n' ' ')
    [ -n "$wrong" ] || break
    note "MIDI clock: $wrong: try $attempt"
done
[ -z "$wrong" ] && ok "tempo, place, start and stop follow MIDI clock ($(tr '\n' ' ' <<<"$said"))" || not_ok "tempo, place, start and stop follow MIDI clock" "$wrong"
echo quit >&9
exec 9>&-
ended "$host"

# A token, and commands from a pipe
mkfifo "$folder/console"
"$program" host --port "$port" --token geheim --console --json <"$folder/console" >"$folder/out" 2>"$folder/errors" &
host=$!
exec 9>"$folder/console"
printf 'add http://lv2plug.in/plugins/eg-amp 4\nparam_set 4 gain -7\nparam_get 4 gain\nnonsense\nsave %s/history\n' "$folder" >&9
for _ in $(seq 300); do [ "$(wc -l <"$folder/out")" -ge 5 ] && break; sleep 0.1; done
said=$(timeout 60 python3 "$hosts/host_protocol.py" --token "$port")
while IFS= read -r line; do echo "$line"; [[ $line != not* ]] || failures=$((failures + 1)); done <<<"$said"
echo quit >&9
exec 9>&-
if ended "$host"; then ok "quit from a pipe ends it"; else not_ok "quit from a pipe ends it" "it still runs"; stop "$host"; fi
head -n 4 "$folder/out" >"$folder/first"
if printf 'resp 4\nresp 0\nresp 0 -7.0000\nresp -902 not found\n' | cmp -s - "$folder/first"; then
    ok "the console takes commands from a pipe"
else
    not_ok "the console takes commands from a pipe" "$(tr '\n' ' ' <"$folder/first")"
fi
if printf 'add http://lv2plug.in/plugins/eg-amp 4\nparam_set 4 gain -7\n' | cmp -s - "$folder/history"; then
    ok "save keeps what was done"
else
    not_ok "save keeps what was done" "$(tr '\n' ';' <"$folder/history")"
fi
finish
