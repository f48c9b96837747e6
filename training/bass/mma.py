"""Musical MIDI Accompaniment: its library of grooves, and charts played by them.

    python mma.py work/grooves.json [--processes 2]

makes the table of grooves: every groove plays four bars by itself, and what it played is written down (beats a bar, the
bass's channel and notes, drums, other tracks). Grooves without a bass, introductions, endings and fills are left out.
"""

import argparse
import json
import multiprocessing
import pathlib
import re
import subprocess
import tempfile
from typing import NamedTuple

import mido

LIBRARY = pathlib.Path("/usr/share/mma/lib")
TICKS = 192  # a beat
NOT_WHOLE = re.compile(r"intro|end|fill|break|stop", re.IGNORECASE)
DRUMS = 9


class Track(NamedTuple):
    name: str
    program: int
    drums: bool
    notes: list  # (start tick, end tick, key, velocity)


def play(chart):
    """Tracks and length in seconds of a chart (MMA's own language). Raises ValueError where MMA refuses it or where the
    tempo changes."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "song.mma").write_text(chart)
        done = subprocess.run(["mma", "-w", "-xNOCREDIT", "-f", "song.mid", "song.mma"], cwd=folder, capture_output=True, text=True)
        if done.returncode or not (folder / "song.mid").exists():
            raise ValueError(done.stdout[-300:])
        file = mido.MidiFile(folder / "song.mid")
    tracks, seconds = [], 0
    if sum(message.type == "set_tempo" for track in file.tracks for message in track) > 1:
        raise ValueError("the tempo changes")
    for track in file.tracks:
        at, program, channel, open_, notes = 0, 0, 0, {}, []
        for message in track:
            at += message.time
            if message.type == "text" and message.text.startswith("DURATION"):
                seconds = int(message.text.split(":")[1])
            elif message.type == "program_change":
                # A track that changes its sound is known by its first.
                if not notes:
                    program = message.program
                channel = message.channel
            elif message.type in ("note_on", "note_off"):
                channel = message.channel
                if message.type == "note_on" and message.velocity > 0:
                    open_.setdefault(message.note, []).append((at, message.velocity))
                elif open_.get(message.note):
                    start, velocity = open_[message.note].pop(0)
                    notes.append((start, at, message.note, velocity))
        if notes:
            tracks.append(Track(track.name, program, channel == DRUMS, sorted(notes)))
    return tracks, seconds


def is_bass(track):
    """A bass track by name and sound: MMA's Bass and Walk tracks, unless they are somebody's left hand high up."""
    low = sum(n[2] for n in track.notes) / len(track.notes) < 55
    named = re.match(r"(?i)bass|walk", track.name) is not None
    return not track.drums and low and (named and track.program < 104 or 32 <= track.program <= 39)


def describe(groove):
    file, name = groove
    try:
        tracks, seconds = play(f"Tempo 60\nGroove {file}:{name}\n" + "".join(f"{i} C\n" for i in range(1, 9)))
    except (ValueError, OSError, EOFError):
        return None
    bass = [t for t in tracks if is_bass(t)]
    beats = round(seconds / 8)  # whole seconds are written, rounded down where the last note is early
    if not bass or abs(seconds - 8 * beats) > 1:
        return None
    return dict(file=file, name=name, beats=beats, programs=sorted({t.program for t in bass}),
                notes=sum(len(t.notes) for t in bass) / 8, drums=sum(len(t.notes) for t in tracks if t.drums),
                others=[t.name for t in tracks if not t.drums and not is_bass(t)])


def names():
    """(file, groove) of the whole library, files as MMA's Groove directive takes them."""
    found = []
    for path in sorted(LIBRARY.rglob("*.mma")):
        file = str(path.relative_to(LIBRARY).with_suffix(""))
        for line in path.read_text(errors="replace").splitlines():
            match = re.match(r"\s*DefGroove\s+(\S+)", line, re.IGNORECASE)
            if match and not NOT_WHOLE.search(match[1]):
                found.append((file, match[1]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.output.exists():
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(arguments.processes) as pool:
        table = [g for g in pool.imap(describe, names(), chunksize=8) if g]
    partial = arguments.output.with_suffix(".partial")
    partial.write_text(json.dumps(table, indent=0))
    partial.rename(arguments.output)
    print(f"{len(table)} grooves with a bass, of {len(names())}, in {len({g['file'] for g in table})} files")


if __name__ == "__main__":
    main()
