#!/usr/bin/env bash
# `continuo audition`: every factory preset and every factory patch, played with a phrase that suits it, is heard, does not clip, and gives
# nothing that is no number. Then what the command does with its pieces, and that it tells what is not fit.
. "$(dirname "$0")/common.sh"
scratch=$(mktemp -d)
trap '[ -z "${jack:-}" ] || stop "$jack"; rm -rf "$scratch"' EXIT
export CONTINUO_MODELS=${CONTINUO_MODELS:-$root/models}

"$program" audition --check --json >"$scratch/all" 2>"$scratch/errors"
python3 - "$scratch/all" "$scratch/errors" <<'PYTHON' || failures=1
import json, os, sys
try:
    outcomes = json.load(open(sys.argv[1]))
except ValueError:
    print("not ok - presets and patches are played:", open(sys.argv[2]).read()[-300:].replace("\n", " "))
    sys.exit(1)
failed = 0
groups = {}
for outcome in outcomes:
    groups.setdefault(outcome["group"], []).append(outcome)
for group, pieces in groups.items():
    bad = [f"{p['name']}: {'; '.join(p['verdict']['faults'])}" for p in pieces if p.get("verdict") and p["verdict"]["faults"]]
    heard = [p for p in pieces if p.get("verdict")]
    failed += bool(bad)
    print(f"not ok - {group}: " + " | ".join(bad) if bad else f"ok - {group}: all {len(heard)} are fit to be heard")
    for piece in pieces:
        if piece.get("missing"):
            print(f"# {piece['name']} is passed over: {piece['missing']} is not installed")
# As many as there are in the source: none is left out.
def files(folder, ending):
    return len([name for name in os.listdir(folder) if name.endswith(ending)])
wanted = {"Continuo Synth": files("presets/synth", ".ttl"), "Continuo Transfer": files("presets/transfer", ".ttl"),
          "Continuo Bass": files("presets/bass", ".ttl"), "patches": files("presets/patches", ".toml")}
counted = {group: len(groups.get(group, [])) for group in wanted}
pitch = len({p["name"] for p in groups.get("Continuo Pitch", []) + groups.get("Continuo Pitch CV", [])})
whole = counted == wanted and pitch == files("presets/pitch", ".ttl")
print("ok - none is left out" if whole else f"not ok - none is left out: {counted} of {wanted}, {pitch} of Pitch")
fifteen = sum(1 for p in groups.get("patches", []) if p.get("verdict")) >= 15
print("ok - 15 patches and more sound" if fifteen else "not ok - 15 patches and more sound: fewer do")
sys.exit(bool(failed) or not whole or not fifteen)
PYTHON

# What is not fit is told, and by the exit status.
amp=http://lv2plug.in/plugins/eg-amp
cat >"$scratch/loud.toml" <<TOML
name = "Too Loud"
[[plugin]]
uri = "urn:continuo:synth"
preset = "Solo Cello"
[[plugin]]
uri = "$amp"
controls = { gain = 24 }
TOML
sed 's/gain = 24/gain = -90/; s/Too Loud/Too Soft/' "$scratch/loud.toml" >"$scratch/soft.toml"
"$program" audition --check "$scratch/loud.toml" "$scratch/soft.toml" >"$scratch/said" 2>&1
status=$?
[ $status = 1 ] && grep -q '^1/2  Too Loud.*NOT FIT: it clips' "$scratch/said" && grep -qE '^2/2  Too Soft.*NOT FIT: it is (hardly heard|silent)' "$scratch/said" &&
    grep -q '^0 are fit, 2 not$' "$scratch/said" && ok "what clips and what is hardly heard is named" ||
    not_ok "what clips and what is hardly heard is named" "status $status: $(tr '\n' ';' <"$scratch/said")"

# Into files
"$program" audition synth --search "solo cello" --seconds 1 -o "$scratch/files" >"$scratch/said" 2>&1
[ -s "$scratch/files/continuo-synth-solo-cello.wav" ] && ok "pieces become files" || not_ok "pieces become files" "$(tr '\n' ';' <"$scratch/said")"

# On JACK
export JACK_DEFAULT_SERVER=continuo-audition-$$ JACK_NO_START_SERVER=1
jackd -r -n "$JACK_DEFAULT_SERVER" -d dummy -r 44100 -p 256 >/dev/null 2>&1 &
jack=$!
for _ in $(seq 200); do timeout 5 jack_lsp >/dev/null 2>&1 && break; sleep 0.1; done
timeout 60 "$program" audition pitch --search trumpet --seconds 2 </dev/null >"$scratch/said" 2>&1 &
audition=$!
connected=
for _ in $(seq 100); do
    timeout 5 jack_lsp -c 2>/dev/null | grep -A1 '^continuo-audition:out_1' | grep -q 'system:playback_1' && connected=yes && break
    kill -0 $audition 2>/dev/null || break
    sleep 0.05
done
wait $audition
status=$?
[ $status = 0 ] && [ -n "$connected" ] && grep -q '^1/1  Trumpet (Continuo Pitch).*notes$' "$scratch/said" && ok "pieces are played on JACK" ||
    not_ok "pieces are played on JACK" "status $status, ${connected:-not} connected: $(tr '\n' ';' <"$scratch/said")"

# At a terminal: the next, back, once more, the end; and the terminal as it was.
timeout 120 python3 - "$program" <<'PYTHON' || failures=1
import os, pty, re, select, subprocess, sys, termios, time
terminal, inside = pty.openpty()
before = termios.tcgetattr(inside)
process = subprocess.Popen([sys.argv[1], "audition", "synth", "--search", "solo"], stdin=inside, stdout=inside, stderr=inside)
said = ""
def heard():
    return re.findall(r"^(\d)/\d", said, re.M)
for number, key in enumerate("nprq", 1):
    end = time.time() + 60
    while len(heard()) < number and time.time() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096).decode()
    time.sleep(0.2)
    os.write(terminal, key.encode())
try:
    status = process.wait(30)
except subprocess.TimeoutExpired:
    status = "it does not end"
    process.kill()
passed = heard() == ["1", "2", "1", "1"] and status == 0 and termios.tcgetattr(inside)[3] == before[3]
print("ok - keys go on, back and to the end" if passed else f"not ok - keys go on, back and to the end: {heard()}, {status}")
sys.exit(not passed)
PYTHON
finish
