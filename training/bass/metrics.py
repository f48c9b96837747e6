"""How well a bass line fits its song. Lines are what decoding.decode gives: pitch per 8 ms and notes."""

import numpy as np

from decoding import STEP, f1


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


def near(times, reference, tolerance):
    """For each of the times: whether one of the sorted reference times is within the tolerance (s)."""
    if not len(reference) or not len(times):
        return np.zeros(len(times), bool)
    at = np.searchsorted(reference, times)
    left = np.abs(times - reference[np.clip(at - 1, 0, len(reference) - 1)])
    return np.minimum(left, np.abs(times - reference[np.clip(at, 0, len(reference) - 1)])) <= tolerance


def rhythm(song, onsets, begin, end, tolerance=0.05):
    """Sums: onsets on the grid of eighths or with a bass drum; downbeats and bass drums on beats that have an onset.

    onsets: seconds in the song; only begin … end counts.
    """
    beats = song.beats
    eighths = np.sort(np.concatenate([beats, (beats[1:] + beats[:-1]) / 2]))
    onsets = onsets[(onsets >= max(begin, beats[0] - 0.05)) & (onsets < min(end, beats[-1] - 0.05))]
    anchors = np.concatenate([eighths, song.kicks])
    first = beats[np.flatnonzero(np.diff(np.append(-1, song.bar)) != 0)]
    expected = np.unique(np.concatenate([first, beats[:-1][near(beats[:-1], np.sort(song.kicks), tolerance)]]))
    expected = expected[(expected >= begin) & (expected < end - 0.1)]
    return dict(placed=float(near(onsets, np.sort(anchors), tolerance).sum()), onsets=float(len(onsets)),
                answered=float(near(expected, np.sort(onsets), tolerance).sum()), expected=float(len(expected)))


def rhythm_f1(sums):
    total = {k: sum(s[k] for s in sums) for k in sums[0]}
    precision, recall = total["placed"] / max(1, total["onsets"]), total["answered"] / max(1, total["expected"])
    return 2 * precision * recall / max(1e-9, precision + recall)


def phases(song, onsets):
    """Phase of the beat (0 … 1) of each onset inside the song's chart."""
    onsets = onsets[(onsets >= song.beats[0]) & (onsets < song.beats[-1])]
    at = np.clip(np.searchsorted(song.beats, onsets, side="right") - 1, 0, len(song.beats) - 2)
    return (onsets - song.beats[at]) / (song.beats[at + 1] - song.beats[at])


def histogram(values, bins=24):
    """Of phases, the bins centred on the beat's twenty-fourths."""
    counts = np.bincount(np.round(np.asarray(values) * bins).astype(int) % bins, minlength=bins) + 0.5
    return counts / counts.sum()


def divergence(p, q):
    """Jensen-Shannon divergence in bits."""
    m = (p + q) / 2
    return float(0.5 * (p * np.log2(p / m)).sum() + 0.5 * (q * np.log2(q / m)).sum())


def unlike(a, b):
    """How much two lines for the same song differ: 1 − the onsets' F1, and the share of steps that differ in pitch class
    (or in sounding at all). a, b: (pitch per step, onsets)."""

    first, second = np.where(a[0] > 0, np.round(a[0]) % 12, -1), np.where(b[0] > 0, np.round(b[0]) % 12, -1)
    n = min(len(first), len(second))
    return 1 - f1(a[1], b[1]), float((first[:n] != second[:n]).mean())
