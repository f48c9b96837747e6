"""How well a bass line fits its song. Lines are what decoding.decode gives: pitch per 8 ms and notes."""

import numpy as np

from decoding import STEP


def chord_at(song, times, semitones=0):
    """Index of the beat at each time, and whether the song's chart covers it."""
    at = np.searchsorted(song.beats, times, side="right") - 1
    return np.clip(at, 0, len(song.roots) - 1), (at >= 0) & (times < song.beats[-1])


def harmony(song, pitch, first_step=0):
    """Sums for rates: notes' steps in the chord and all that sound; downbeats on the root and all downbeats.

    pitch: [N] MIDI per step, 0 where silent, from step first_step of the song. A downbeat counts by what sounds 80 ms after
    it; silence there counts against.
    """
    times = (np.arange(len(pitch)) + first_step + 0.5) * STEP
    beat, inside = chord_at(song, times)
    sounding = (pitch > 0) & inside
    chroma = np.round(pitch).astype(int) % 12
    fits = (song.tones[beat].astype(int) >> chroma) & 1
    first = np.flatnonzero(np.diff(np.append(-1, song.bar)) != 0)
    down = np.round((song.beats[first] + 0.08) / STEP).astype(int) - first_step
    valid = (down >= 0) & (down < len(pitch))
    on = down[valid]
    roots = song.roots[first[valid]]
    return dict(tone=float((fits * sounding).sum()), sounding=float(sounding.sum()),
                root=float(((pitch[on] > 0) & (chroma[on] == roots)).sum()), downbeats=float(len(on)), steps=float(inside.sum()))


def rates(sums):
    """Chord-tone rate, downbeat-root rate and share of time that sounds of summed `harmony`s."""
    total = {k: sum(s[k] for s in sums) for k in sums[0]}
    return dict(chord_tone=total["tone"] / max(1, total["sounding"]), downbeat_root=total["root"] / max(1, total["downbeats"]),
                sounding=total["sounding"] / max(1, total["steps"]))
