"""Notes of a sampled instrument, each rendered by fluidsynth by itself: dry, one channel, 48 kHz, float.

The notes of a phrase are rendered one after another with time to ring out in between, and put together afterwards
(data.py), so that each can be analysed without its neighbours.
"""

import os
import pathlib
import subprocess
import tempfile
from typing import NamedTuple

import mido
import numpy as np
import soundfile

RATE, HOP = 48000, 192
SOUNDFONT = os.environ.get("SOUNDFONT", "/usr/share/sounds/sf3/MuseScore_General.sf3")
HELD_OUT_SOUNDFONT = os.environ.get("HELD_OUT_SOUNDFONT", "/usr/share/sounds/sf2/TimGM6mb.sf2")
BEND_RANGE = 12
LEAD = 0.2  # seconds of silence before each note
GAIN = "0.7"


class Note(NamedTuple):
    key: int  # MIDI
    velocity: int
    held: float  # seconds from note-on to note-off
    tail: float  # seconds rendered after note-off
    bend: np.ndarray  # semitones at 4 ms steps from the note-on


def play(soundfont, program, notes):
    """A list of float32 arrays: note i from LEAD seconds before its note-on until its tail's end."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    events = [(0, 0, mido.Message("program_change", program=program)), (1, 0, mido.Message("control_change", control=7, value=127))]
    # The bend range's messages stand 2 ms apart so that no reader can reorder them.
    for i, (control, value) in enumerate([(101, 0), (100, 0), (6, BEND_RANGE), (38, 0)]):
        events.append((4 + 2 * i, 0, mido.Message("control_change", control=control, value=value)))
    now, spans = 100, []
    for note in notes:
        start = now + round(LEAD * 1000)
        last = None
        for frame, semitones in enumerate(note.bend):
            value = int(np.clip(round(semitones / BEND_RANGE * 8191), -8191, 8191))
            if value != last:
                # Before the first sounds the bend is set already.
                events.append((start + 4 * frame - (8 if frame == 0 else 0), 0, mido.Message("pitchwheel", pitch=value)))
                last = value
        events.append((start, 1, mido.Message("note_on", note=note.key, velocity=note.velocity)))
        events.append((start + round(note.held * 1000), 0, mido.Message("note_off", note=note.key)))
        end = start + round((note.held + note.tail) * 1000)
        spans.append((now, end))
        now = -(-end // 4) * 4
    events.sort(key=lambda event: event[:2])
    track.append(mido.MetaMessage("set_tempo", tempo=480_000))
    at = 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - at))
        at = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, now - at)))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        file.save(folder / "notes.mid")
        subprocess.run(["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-r", str(RATE), "-g", GAIN, "-O", "float",
                        "-o", "synth.dynamic-sample-loading=1", "-F", folder / "notes.wav", soundfont, folder / "notes.mid"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # One channel: pairs of samples recorded in stereo would cancel in part if they were added.
        audio = np.ascontiguousarray(soundfile.read(folder / "notes.wav", dtype="float32", always_2d=True)[0][:, 0])
    audio = np.pad(audio, (0, max(0, (now + 10) * RATE // 1000 - len(audio))))
    return [audio[a * RATE // 1000: b * RATE // 1000] for a, b in spans]
