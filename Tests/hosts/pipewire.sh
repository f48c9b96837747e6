#!/usr/bin/env bash
# The host in PipeWire's JACK: a PipeWire of this script's own with a null sink, no session and no sound card. Passed over where there is
# none.
. "$(dirname "$0")/common.sh"
for tool in pipewire pw-jack pw-cli; do
    command -v $tool >/dev/null || { note "$tool is not installed: passed over"; finish; }
done
scratch=$(mktemp -d)
export XDG_RUNTIME_DIR=$scratch/run PIPEWIRE_RUNTIME_DIR=$scratch/run XDG_CONFIG_HOME=$scratch/config
mkdir -m 700 "$scratch/run"
mkdir -p "$scratch/config/pipewire/pipewire.conf.d"
cat >"$scratch/config/pipewire/pipewire.conf.d/sink.conf" <<'CONF'
context.objects = [
    { factory = adapter
      args = {
        factory.name = support.null-audio-sink
        node.name = sink
        media.class = Audio/Sink
        object.linger = true
        audio.position = [ FL FR ]
        priority.driver = 2000
        adapter.auto-port-config = { mode = dsp monitor = true position = preserve }
      } }
]
CONF
trap 'stop ${host:-0}; stop ${server:-0}; rm -rf "$scratch"' EXIT
pipewire >"$scratch/pipewire" 2>&1 &
server=$!
for _ in $(seq 100); do timeout 5 pw-cli info 0 >/dev/null 2>&1 && break; sleep 0.1; done
for _ in $(seq 100); do timeout 5 pw-jack jack_lsp 2>/dev/null | grep -q 'sink:playback_FL' && break; sleep 0.1; done
timeout 5 pw-jack jack_lsp 2>/dev/null | grep -q 'sink:playback_FL' ||
    { note "PipeWire does not come up here: $(tail -n 1 "$scratch/pipewire"): passed over"; finish; }
eventually() { for _ in $(seq 200); do "$@" && return 0; sleep 0.1; done; return 1; }

# What it plays and records is what a render gives.
compile pad -O1 "$hosts/pad.c" -lsndfile
"$tests/pad" "$melodies/trumpet.flac" "$scratch/in.wav" 0
timeout 60 pw-jack "$program" host http://lv2plug.in/plugins/eg-amp --control gain=-6 --input "$scratch/in.wav" --tail 0.1 \
    --record "$scratch/host.wav" --connect 'out=sink:playback_*' --json >"$scratch/report" 2>"$scratch/errors"
said=$(python3 - "$scratch" <<'PYTHON'
import json, sys
sys.path.insert(0, "Tests/hosts")
from wavfile import peak, samples
folder = sys.argv[1]
report = json.load(open(f"{folder}/report"))
print(report["end"], report["lostFrames"], report["block"], report["sampleRate"], peak(samples(f"{folder}/host.wav")) > 0.01)
PYTHON
)
[[ $said == "end 0 "*True ]] && ok "PipeWire: a file is played and recorded ($said)" ||
    not_ok "PipeWire: a file is played and recorded" "$said $(tail -n 2 "$scratch/errors" | tr '\n' ' ')"

# Commands, and connections by JACK's own means
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pw-jack "$program" host --port "$port" --timebase --tempo 100 </dev/null >"$scratch/out" 2>"$scratch/errors" &
host=$!
tell() {
    python3 - "$port" "$1" <<'PYTHON'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
s.settimeout(10)
s.sendall(sys.argv[2].encode() + b"\0")
answer = b""
while not answer.endswith(b"\0"):
    answer += s.recv(65536)
print(answer[:-1].decode())
PYTHON
}
lists() { timeout 5 pw-jack jack_lsp -c 2>/dev/null | tr '\n' ' ' | grep -q "$1"; }
graph() { tell graph | grep -q "$1"; }
eventually lists 'continuo:midi_in' || { not_ok "PipeWire: the host starts" "$(tail -n 2 "$scratch/errors")"; finish; }
amp=http://lv2plug.in/plugins/eg-amp
answers="$(tell "add $amp 0") $(tell "add $amp 1") $(tell 'connect effect_1:out sink:playback_FL') $(tell 'param_set 0 gain -3')"
[ "$answers" = "resp 0 resp 1 resp 0 resp 0" ] && ok "PipeWire: commands are done" || not_ok "PipeWire: commands are done" "$answers"
eventually lists 'continuo:effect_1_out *sink:playback_FL' && ok "PipeWire: a plugin is connected with a device" ||
    not_ok "PipeWire: a plugin is connected with a device" "$(timeout 5 pw-jack jack_lsp -c | tr '\n' ' ')"
timeout 5 pw-jack jack_connect continuo:effect_0_out continuo:effect_1_in
eventually graph '"from":"effect_0:out","gain":1,"to":"effect_1:in"' && ok "PipeWire: jack_connect joins two plugins" ||
    not_ok "PipeWire: jack_connect joins two plugins" "$(tell graph)"
timeout 5 pw-jack jack_connect sink:monitor_FL continuo:effect_0_in
eventually graph '"name":"effect_0_in"' && ok "PipeWire: jack_connect joins a plugin with a device" ||
    not_ok "PipeWire: jack_connect joins a plugin with a device" "$(tell graph)"
timeout 5 pw-jack jack_disconnect sink:monitor_FL continuo:effect_0_in
gone() { ! graph '"name":"effect_0_in"'; }
eventually gone && ok "PipeWire: jack_disconnect parts them" || not_ok "PipeWire: jack_disconnect parts them" "$(tell graph)"
answers="$(tell 'transport 1 3 130') $(tell 'transport 0 3 130') $(tell xruns) $(tell quit)"
[[ $answers == "resp 0 resp 0 resp 0 "*" resp 0" ]] && ok "PipeWire: transport and timebase" || not_ok "PipeWire: transport and timebase" "$answers"
ended $host && ok "PipeWire: quit ends the host" || not_ok "PipeWire: quit ends the host" "it still runs"
note "$(pipewire --version | sed -n 2p)"

# A server that goes away is said.
timeout 60 pw-jack "$program" host $amp </dev/null >"$scratch/out" 2>"$scratch/errors" &
host=$!
eventually lists 'continuo:out_1'
stop $server
ended $host
wait $host
status=$?
[ "$status" = 1 ] && grep -q 'gone away' "$scratch/errors" && ok "PipeWire: a server that goes away is said" ||
    not_ok "PipeWire: a server that goes away is said" "status $status: $(tail -n 1 "$scratch/errors")"
finish
