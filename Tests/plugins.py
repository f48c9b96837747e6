#!/usr/bin/env python3
"""Every LV2 plugin that is installed, in our host: found, instantiated, run, saved, restored.

    Tests/plugins.py CONTINUO OUTPUT.tsv [FILTER]      (make test-plugins)

Each plugin runs in a process of its own on half a second of sound and notes, saves its state, and runs once more from that state; the
states of both must agree. Prints one line a plugin that does not get through, and says whose affair it is; the table of all goes to OUTPUT.
Ends with 1 if one fails for a reason of ours.
"""

import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import wave

RATE = 48000


def sound(path):
    """Half a second of two tones, stereo."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for n in range(RATE // 2):
            value = int(9000 * math.sin(2 * math.pi * 220 * n / RATE) + 4000 * math.sin(2 * math.pi * 1330 * n / RATE))
            file.writeframesraw(struct.pack("<hh", value, value))


def notes(path):
    """A chord for a quarter of a second (format 0, 480 ticks a beat, 120 beats a minute)."""
    events = b"".join(b"\x00\x90" + bytes([key, 100]) for key in (48, 60, 64))
    events += b"\x81\x70" + b"\x80\x30\x40" + b"".join(b"\x00\x80" + bytes([key, 64]) for key in (60, 64)) + b"\x00\xff\x2f\x00"
    path.write_bytes(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(events)) + events)


def run(program, arguments, seconds=60):
    try:
        return subprocess.run([program, *arguments], capture_output=True, timeout=seconds, errors="replace", text=True)
    except subprocess.TimeoutExpired:
        return None


def saved(folder):
    """What a saved state says, without what names its own folder."""
    states = sorted(folder.rglob("state.ttl"))
    return "\n".join(re.sub(r"<file://[^>]*>", "<file>", state.read_text(errors="replace")) for state in states)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.startswith("Error")] or text.strip().splitlines() or [""]
    return lines[-1][:200]


def examine(program, plugin, scratch):
    """(what it did, why not further, whose affair)"""
    uri = plugin["uri"]
    if not plugin["isSupported"]:
        info = run(program, ["info", uri])
        asked = re.findall(r"requires  (\S+)  \(not offered", info.stdout if info else "")
        return "refused", "it requires " + ", ".join(asked or ["what continuo does not offer"]), "ours"
    info = run(program, ["info", "--json", uri])
    if info is None or info.returncode:
        return "found", "it cannot be described: " + last_line(info.stderr if info else "no answer"), "ours"
    ports = json.loads(info.stdout)["ports"]
    audio_in = any(p["kind"] == "audio" and p["isInput"] and not p["isSideChain"] for p in ports)
    audio_out = any(p["kind"] == "audio" and not p["isInput"] for p in ports)
    first, second = scratch / "first", scratch / "second"
    common = ["render", uri, "--json", "--seconds", "0.5", "--rate", str(RATE)]
    if audio_in:
        common += ["--input", str(scratch / "sound.wav")]
    if any(p["takesMIDI"] and p["isInput"] for p in ports):
        common += ["--input-midi", str(scratch / "notes.mid")]
    if audio_out:
        common += ["--output", str(scratch / "out.wav")]
    for step, extra in (("saved", ["--save-state", str(first)]), ("restored", ["--preset", str(first), "--save-state", str(second)])):
        before = "found" if step == "saved" else "saved"
        done = run(program, common + extra)
        if done is None:
            return before, "it hangs", "theirs"
        if done.returncode < 0:
            return before, f"it ends the process (signal {-done.returncode}): {last_line(done.stderr)}", "theirs"
        if done.returncode:
            cause = last_line(done.stderr)
            return before, cause, "theirs" if re.search(r"cannot be loaded|refused to be instantiated", cause) else "ours"
        # Some plugins write to standard output, too.
        begin = re.search(r"^\{$", done.stdout, re.M)
        if not begin:
            return before, "there is no report", "ours"
        broken = json.JSONDecoder().raw_decode(done.stdout[begin.start():])[0]["brokenSamples"]
        if broken:
            return before, f"{broken} of its samples are no numbers", "theirs"
    if saved(first) != saved(second):
        a, b = saved(first).splitlines(), saved(second).splitlines()
        change = next((f"'{x.strip()}' became '{y.strip()}'" for x, y in zip(a, b) if x != y), f"{len(a)} lines became {len(b)}")
        return "saved", "what it saves is not what it was given: " + change, "theirs"
    return "restored", "", ""


def main():
    program, output = sys.argv[1], pathlib.Path(sys.argv[2])
    wanted = sys.argv[3].lower() if len(sys.argv) > 3 else ""
    plugins = json.loads(run(program, ["list", "plugins", "--json"]).stdout)
    plugins = [p for p in plugins if wanted in (p["uri"] + p["name"]).lower()]
    rows, ours = [], 0
    for number, plugin in enumerate(plugins):
        with tempfile.TemporaryDirectory() as folder:
            scratch = pathlib.Path(folder)
            sound(scratch / "sound.wav")
            notes(scratch / "notes.mid")
            reached, cause, whose = examine(program, plugin, scratch)
        rows.append((plugin["uri"], plugin["name"], reached, whose, cause))
        ours += whose == "ours"
        if cause:
            print(f"{plugin['uri']}: {reached}, then: {cause} ({whose})", flush=True)
        elif number % 20 == 19:
            print(f"# {number + 1} of {len(plugins)}", file=sys.stderr, flush=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("uri\tname\treached\twhose\tcause\n" + "".join("\t".join(row) + "\n" for row in rows))
    good = sum(row[2] == "restored" for row in rows)
    theirs = sum(row[3] == "theirs" for row in rows)
    print(f"{len(rows)} plugins: {good} found, instantiated, run, saved and restored; {theirs} fail by themselves, {ours} by us; see {output}")
    sys.exit(ours > 0)


if __name__ == "__main__":
    main()
