"""From the line head's outputs to pitch, notes and loudness: plain, deterministic code. Steps are 8 ms."""

import numpy as np

from autoencoder import LOWEST_NOTE, NONE, NOTES

STEP = 0.008
ONSET_LEVEL = 0.35  # of the onset's probability
ONSET_APART = 5  # steps: no two onsets are closer
SOUNDS, STOPS = 0.5, 0.7  # of the probability of "none": a note begins below the first, ends above the second
CHANGE = 6  # steps that another pitch must hold to be a note without an onset of its own


def decode(logits, cents, onset, loudness):
    """logits [N, 46], cents, onset, loudness [N] of one take → pitch [N] (MIDI, 0 where nothing sounds), loudness [N] and
    notes, a list of (onset step with its fraction, end step, MIDI note, loudest dB)."""
    logits = logits - logits.max(1, keepdims=True)
    probability = np.exp(logits)
    probability /= probability.sum(1, keepdims=True)
    best = probability[:, :NOTES].argmax(1)
    none = probability[:, NONE]
    sounding, on = np.zeros(len(none), bool), False
    for i, p in enumerate(none):
        on = p < STOPS if on else p < SOUNDS
        sounding[i] = on
    # A single step of another pitch between equal ones is a slip.
    for i in range(1, len(best) - 1):
        if best[i] != best[i - 1] and best[i - 1] == best[i + 1]:
            best[i] = best[i - 1]
    pitch = np.where(sounding, LOWEST_NOTE + best + cents, 0.0)
    level = 1 / (1 + np.exp(-onset))
    peaks = []
    for i in range(len(level)):
        if level[i] < ONSET_LEVEL or level[i] < level[max(0, i - 2): i + 3].max():
            continue
        if peaks and i - peaks[-1] < ONSET_APART:
            continue
        peaks.append(i)
    return pitch, loudness, notes(best, sounding, level, peaks, loudness)


def notes(best, sounding, level, peaks, loudness):
    """Segments between onsets, ends of sound and lasting changes of pitch."""
    found, count = [], len(best)
    starts = set(peaks)
    at = 0
    while at < count:
        # The next start: an onset, or sound without one.
        while at < count and not (at in starts or sounding[at]):
            at += 1
        if at >= count:
            break
        begin = at
        at += 1
        key = None
        # Onsets come up to two steps before the pitch does.
        while at < count and at not in starts and (sounding[at] or at - begin < 4):
            if at - begin >= 4:
                key = best[begin + 2: at].astype(int)
                key = np.bincount(key).argmax()
                if at + CHANGE <= count and (best[at: at + CHANGE] == best[at]).all() and best[at] != key and sounding[at: at + CHANGE].all():
                    break
            at += 1
        inside = sounding[begin:at]
        if inside.sum() < 3:
            continue
        key = np.bincount(best[begin:at][inside].astype(int)).argmax()
        end = begin + int(np.flatnonzero(inside)[-1]) + 1
        fraction = 0.0
        if begin in starts and 0 < begin < count - 1:  # the peak's place between steps
            a, b, c = level[begin - 1], level[begin], level[begin + 1]
            fraction = float(np.clip(0.5 * (a - c) / (a - 2 * b + c - 1e-9), -0.5, 0.5))
        found.append((begin + fraction, end, LOWEST_NOTE + int(key), float(loudness[begin:end].max())))
    return found


def onset_times(found):
    """Seconds of the notes' beginnings."""
    return np.array([(n[0] + 0.5) * STEP for n in found])


def f1(found, truth, tolerance=0.05):
    """F measure of times, matched one to one within the tolerance."""
    i = j = hits = 0
    while i < len(found) and j < len(truth):
        if abs(found[i] - truth[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif found[i] < truth[j]:
            i += 1
        else:
            j += 1
    return 2 * hits / max(1, len(found) + len(truth))


def score(found, truth, pitch, onsets):
    """rpa: of steps that sound, pitch within 50 cents; onset: F1 within 50 ms; level: mean error in dB where it sounds;
    voicing: steps called sounding or silent rightly."""
    heard = truth["heard"]
    off = np.abs(found[0] - pitch)
    return dict(rpa=float((off[heard] < 0.5).mean()), onset=f1(onset_times(found[2]), onsets),
                level=float(np.abs(found[1] - truth["loudness"])[heard].mean()),
                voicing=float(((found[0] > 0) == heard).mean()))


def control_frames(pitch, loudness, count):
    """Pitch (MIDI) and loudness (dB) at `count` control frames (frame n at 4 n ms) from those per step.

    Where nothing sounds the last pitch stays (before the first note, the first; without any, 36). Between two steps pitch
    and loudness are linear; a leap of half a semitone or more is made half-way instead.
    """
    pitch = np.asarray(pitch, np.float64).copy()
    heard = np.flatnonzero(pitch > 0)
    if len(heard):
        last = np.maximum.accumulate(np.where(pitch > 0, np.arange(len(pitch)), -1))
        pitch = pitch[np.where(last < 0, heard[0], last)]
    else:
        pitch[:] = 36
    at = np.clip((np.arange(count) - 1) / 2, 0, len(pitch) - 1)
    low = np.minimum(at.astype(int), len(pitch) - 2)
    part = at - low
    a, b = pitch[low], pitch[low + 1]
    smooth = np.abs(a - b) < 0.5
    level = loudness[low] * (1 - part) + loudness[low + 1] * part
    return np.where(smooth, a * (1 - part) + b * part, np.where(part < 0.5, a, b)), np.maximum(level, -90)
