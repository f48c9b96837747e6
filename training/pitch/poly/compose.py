"""Random pieces for guitars, keys, mallets, harp and strings: chords, arpeggios, melodies with accompaniment, voices.

A piece is a list of parts; a part is an array [N, 4] of notes in order of time: onset and offset in seconds, key,
velocity. A key that is struck again ends before, as on an instrument with one string a key.
"""

import numpy as np

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 7, 10), (0, 2, 4, 7, 9),
          (0, 2, 3, 5, 7, 8, 11), tuple(range(12)))
GUITAR = (40, 45, 50, 55, 59, 64)


class Piece:
    def __init__(self, rng, seconds, low, high):
        self.rng, self.seconds, self.low, self.high = rng, seconds, low, high
        self.beat = 60 / np.exp(rng.uniform(np.log(55), np.log(170)))
        self.loose = rng.choice([0.0, 0.005, 0.012, 0.025])  # seconds of unsteadiness
        self.scale, self.root = SCALES[rng.integers(len(SCALES))], int(rng.integers(12))
        self.loudness = rng.uniform(45, 105)
        self.notes = []

    def add(self, onset, length, key, accent=0.0):
        key = int(key)
        while key < self.low:
            key += 12
        while key > self.high:
            key -= 12
        if key < self.low or onset >= self.seconds - 0.1:
            return
        onset = max(0.02, onset + self.rng.normal() * self.loose)
        velocity = int(np.clip(self.loudness + accent + self.rng.normal() * 9, 15, 127))
        self.notes.append((onset, min(onset + max(length, 0.06), self.seconds - 0.02), key, velocity))

    def degree(self, step, around):
        """The key `step` steps of the scale above the tonic nearest below `around`."""
        tonic = around - (around - self.root) % 12
        octave, place = divmod(step, len(self.scale))
        return tonic + 12 * octave + self.scale[place]

    def chord(self, around, degree):
        """A chord's keys, low to high: triads and sevenths in close or open position, fifths, clusters, six strings."""
        rng = self.rng
        style = rng.choice(["close", "open", "strings", "power", "any"], p=[0.3, 0.25, 0.25, 0.08, 0.12])
        size = int(rng.integers(2, 6))
        tones = [self.degree(degree + 2 * i, around) for i in range(4)]
        if style == "close":
            keys = tones[:size]
            turn = int(rng.integers(0, 3))
            keys = sorted(keys)[turn:] + [k + 12 for k in sorted(keys)[:turn]]
        elif style == "open":
            bass = tones[0] - 12 * int(rng.integers(1, 3))
            keys = [bass] + [t + 12 * int(rng.integers(-1, 2)) for t in tones[:size]]
        elif style == "power":
            keys = [tones[0], tones[0] + 7, tones[0] + 12][: int(rng.integers(2, 4))]
        elif style == "strings":  # as a guitar has it: on each string the chord's tone at the lowest fret from a position on
            position = int(rng.integers(0, 9))
            names = {t % 12 for t in tones[: 3 + int(rng.random() < 0.3)]}
            keys = []
            for string in GUITAR[int(rng.integers(0, 3)):]:
                frets = [f for f in range(position, position + 5) if (string + f) % 12 in names]
                if frets:
                    keys.append(string + frets[0])
        else:
            keys = list(rng.integers(around - 14, around + 15, size))
        return sorted({int(k) for k in keys})

    def finished(self):
        """[N, 4], each key's notes made to follow one another."""
        last, out = {}, []
        for note in sorted(self.notes):
            key = note[2]
            if key in last:
                before = out[last[key]]
                if note[0] - before[0] < 0.05:
                    continue
                out[last[key]] = (before[0], min(before[1], note[0] - 0.012), key, before[3])
            last[key] = len(out)
            out.append(note)
        return np.array(out, np.float64).reshape(-1, 4)


def accompany(piece, around, style=None):
    """Chords over the whole piece: struck, strummed, broken or rolled."""
    rng = piece.rng
    at, style = rng.uniform(0.05, 0.5), style or rng.choice(["block", "strum", "broken", "pattern", "stabs"])
    order, spread = rng.permutation(12), rng.uniform(0.004, 0.045)
    fast = piece.beat * rng.choice([0.25, 1 / 3, 0.5, 0.5, 1])
    held = rng.uniform(0.3, 1.15)
    while at < piece.seconds:
        keys = piece.chord(around, int(rng.integers(0, 7)))
        length = piece.beat * float(rng.choice([1, 2, 2, 4, 4]))
        if style in ("broken", "pattern"):
            ringing = rng.random() < 0.6  # pedal, or fingers that stay
            for i in range(int(length / fast)):
                onset = at + i * fast
                key = keys[i % len(keys)] if style == "broken" else keys[order[i % len(order)] % len(keys)]
                piece.add(onset, (at + length - onset) * held if ringing else fast * held, key)
                if i == 0 and rng.random() < 0.5:
                    piece.add(onset, length * held, keys[0] - 12, 6)
        else:
            strokes = 1 if style == "block" else int(rng.integers(1, 5))
            for s in range(strokes):
                onset, share = at + s * length / strokes, length / strokes
                down = rng.random() < 0.65
                for i, key in enumerate(keys if down else keys[::-1]):
                    delay = i * spread if style == "strum" else 0
                    short = share * (rng.uniform(0.15, 0.5) if style == "stabs" else held)
                    piece.add(onset + delay, short, key, 4 * (i == len(keys) - 1))
        at += length
        if rng.random() < 0.06:
            at += piece.beat * float(rng.choice([1, 2]))  # a rest


def sing(piece, around, accent=8.0):
    """A melody along the scale, with leaps, repeats, runs and now and then a second voice."""
    rng = piece.rng
    at, step = rng.uniform(0.05, 0.6), int(rng.integers(0, 7))
    held = rng.choice([rng.uniform(0.3, 0.8), rng.uniform(0.9, 1.1)])
    double = rng.choice([0, 0, 0, 2, 4, 5, 7])
    pace = piece.beat * rng.choice([0.5, 1, 1])
    while at < piece.seconds:
        length = pace * float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2], p=[0.1, 0.25, 0.25, 0.2, 0.1, 0.05, 0.05]))
        length = max(length, 0.085)
        if rng.random() < 0.9:
            key = piece.degree(step, around)
            if abs(key - around) > 20:
                step, key = 0, piece.degree(0, around)
            piece.add(at, length * held, key, accent)
            if double and rng.random() < 0.8:
                piece.add(at, length * held, piece.degree(step - double, around), accent - 10)
        step += int(rng.choice([-5, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4, 7]))
        at += length


def scatter(piece):
    """Notes anywhere, at any time: what no style would teach."""
    rng, at = piece.rng, 0.1
    pace = np.exp(rng.uniform(np.log(0.06), np.log(0.5)))
    length = np.exp(rng.uniform(np.log(0.15), np.log(2.0)))
    while at < piece.seconds:
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            piece.add(at, length * np.exp(rng.normal() * 0.6), rng.integers(piece.low, piece.high + 1), rng.normal() * 12)
        at += pace * rng.exponential()


def part(rng, seconds, low, high):
    """One player's notes [N, 4] within the keys from low to high."""
    piece = Piece(rng, seconds, low, high)
    middle = int(np.clip((low + high) / 2 + rng.normal() * 5, low + 6, high - 6))
    style = rng.choice(["chords", "song", "voices", "lines", "scatter", "melody"], p=[0.3, 0.28, 0.14, 0.08, 0.13, 0.07])
    if style == "chords":
        accompany(piece, middle)
    elif style == "song":
        accompany(piece, middle - int(rng.integers(5, 14)))
        sing(piece, middle + int(rng.integers(5, 15)))
    elif style == "voices":
        for i in range(int(rng.integers(2, 5))):
            sing(piece, middle - 14 + 10 * i, accent=0)
    elif style == "lines":
        sing(piece, middle - 12, accent=4)
        sing(piece, middle + 10)
    elif style == "melody":
        sing(piece, middle)
    else:
        scatter(piece)
    return piece.finished()
