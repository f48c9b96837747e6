"""From the network's heads to notes, frame by frame, as an implementation in another language does it.

A note begins where the onset's probability has a peak in time, known one frame later; it ends where the note's
probability has stayed low. A note that swells without an onset begins where its probability has been high for a while.
"""

from typing import NamedTuple

import numpy as np

import frontend

POSITIONS = frontend.POSITIONS


class Settings(NamedTuple):
    onset: float = 0.4  # least probability of an onset
    note: float = 0.4  # least probability of the note beside it
    hold: float = 0.45  # a note goes on while it is that probable
    release: int = 4  # frames under `hold` that end it
    swell: float = 0.75  # without an onset a note begins if it is that probable
    swelling: int = 8  # for so many frames
    apart: int = 5  # frames between two onsets of a key


class Note(NamedTuple):
    onset: float  # seconds
    offset: float
    key: int
    velocity: int


def velocity(level):
    """MIDI velocity of a note of that level in dB: −48 and less is 1, 0 is 127."""
    return int(max(1, min(127, np.floor(127 + level * (126 / 48) + 0.5))))


def decode(onset, note, level, settings=Settings()):
    """Notes in order of their ends. onset, note: probabilities [T, POSITIONS]; level: dB [T, POSITIONS]."""
    second = frontend.HOP / frontend.RATE
    sounding = [None] * POSITIONS  # (onset in frames, velocity)
    low, high, last = [0] * POSITIONS, [0] * POSITIONS, [-1000] * POSITIONS
    notes = []

    def end(p, frame):
        start, loud = sounding[p]
        notes.append(Note(start * second, max(frame, start) * second, frontend.LOWEST_KEY + p, loud))
        sounding[p] = None

    silence = np.zeros(POSITIONS)
    for t in range(len(onset)):
        before, peak = onset[t - 2] if t > 1 else silence, onset[t - 1] if t > 0 else silence
        now, probable = onset[t], note[t]
        support = np.maximum(note[t - 1] if t > 0 else silence, probable)
        for p in range(POSITIONS):
            if (peak[p] >= settings.onset and peak[p] > before[p] and peak[p] >= now[p] and support[p] >= settings.note
                    and t - 1 - last[p] >= settings.apart):
                # Between the frames, by the parabola through the three, on the grid of 2.5 ms.
                a, b, c = before[p], peak[p], now[p]
                start = t - 1 + min(0.5, max(-0.5, 0.5 * (a - c) / min(a - 2 * b + c, -1e-6)))
                start = max(0.0, np.floor(4 * start + 0.5) / 4)
                if sounding[p]:
                    end(p, start)
                sounding[p] = (start, velocity(level[t, p]))
                last[p], low[p], high[p] = t - 1, 0, 0
            elif sounding[p]:
                low[p] = low[p] + 1 if probable[p] < settings.hold else 0
                if low[p] >= settings.release:
                    end(p, t - settings.release + 1)
                    high[p] = 0
            else:
                high[p] = high[p] + 1 if probable[p] >= settings.swell else 0
                if high[p] >= settings.swelling:
                    sounding[p] = (t - settings.swelling + 1, velocity(level[t, p]))
                    last[p], low[p] = t - settings.swelling + 1, 0
    for p in range(POSITIONS):
        if sounding[p]:
            end(p, len(onset))
    return notes
