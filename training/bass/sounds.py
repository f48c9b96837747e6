"""What plays a bass line: sampled basses (see fluid.py) and synthesised ones made here, and light effects.

A line is an array [N, 8] of notes in order of time: onset and offset (seconds), key (MIDI), velocity, and how the pitch
moves (`bend`): kind and three parameters. Notes do not overlap.
"""

import functools

import numpy as np
import scipy.fft
import scipy.signal

ONSET, OFFSET, KEY, VELOCITY, KIND = range(5)
PLAIN, SLIDE, VIBRATO, FALL = range(4)
KINDS = ("saw", "square", "sub", "fm", "pluck", "reese", "organ", "random", "random", "random")
HELD_OUT_PROGRAMS, HELD_OUT_KIND = (37, 39), "fm"  # slap bass 2, synth bass 2
TABLE = 2048


def bend(note, age):
    """Semitones a note is off its key, `age` seconds after its onset (an array)."""
    kind, a, b, c = note[KIND:]
    if kind == SLIDE:  # from a semitones away, time constant b
        return a * np.exp(-age / b)
    if kind == VIBRATO:  # depth a, rate b, after c seconds
        return a * np.clip((age - c) / 0.25, 0, 1) * np.sin(2 * np.pi * b * (age - c))
    if kind == FALL:  # to a semitones away, from b seconds on, within c seconds
        return a * (0.5 - 0.5 * np.cos(np.pi * np.clip((age - b) / c, 0, 1)))
    return np.zeros_like(age)


def pitch_curve(line, times):
    """Pitch (MIDI) of the latest note at the times, 0 before the first. What sounds on after a note keeps its pitch."""
    index = np.searchsorted(line[:, ONSET], times, side="right") - 1
    pitch = np.zeros(len(times))
    for i in np.unique(index[index >= 0]):
        at = index == i
        note = line[i]
        # What rings on is still: the player has stopped moving.
        age = np.minimum(times[at] - note[ONSET], note[OFFSET] - note[ONSET])
        pitch[at] = note[KEY] + bend(note, age)
    return pitch


def midi_events(line, channel, rate, block):
    """Events for fluid.Player of a line."""
    events, step = [], 2 * block / rate
    for note in line:
        on, off = round(note[ONSET] * rate / block), round(note[OFFSET] * rate / block)
        off = max(off, on + 1)
        events.append((on, channel, "on", int(note[KEY]), int(note[VELOCITY])))
        events.append((off, channel, "off", int(note[KEY]), 0))
        curve = bend(note, np.arange(0, (off - on) * block / rate, step)) if note[KIND] else np.zeros(1)
        last = None
        for i, value in enumerate(curve):
            value = round(float(value), 2)
            if value != last:
                events.append((on + 2 * i, channel, "bend", value, 0))
                last = value
    return events


def spectrum(kind, rng):
    """Amplitudes of 128 harmonics of an oscillator."""
    k = np.arange(1, 129)
    if kind in ("saw", "reese"):
        return 1 / k
    if kind == "square":
        width = rng.uniform(0.12, 0.5)
        return np.abs(np.sin(np.pi * k * width)) / k * 1.3
    if kind == "sub":
        return np.where(k % 2 == 1, 1 / k ** rng.uniform(2, 3.5), rng.uniform(0, 0.3) / k**2)
    if kind == "organ":
        return np.where(np.isin(k, (1, 2, 3, 4, 6, 8)), rng.uniform(0.1, 1, 128) / k**0.5, 0)
    if kind == "random":  # anything: lines come and go, the first may be weak
        walk = np.cumsum(rng.normal(0, rng.uniform(1, 5), 128)) - rng.uniform(0.2, 2) * k
        holes = rng.random(128) < rng.uniform(0, 0.5)
        amplitudes = 10 ** ((walk - walk[:6].max() - 25 * holes) / 20)
        return np.minimum(amplitudes, 1) + 1e-4 / k
    return np.abs(np.sin(np.pi * k * rng.uniform(0.08, 0.3))) / k**1.2 + 1e-3 / k  # plucked at a place of the string


class Synthetic:
    """A synthesised bass. Its parameters are drawn from the generator; `render` plays lines with it."""

    def __init__(self, kind, rng):
        self.kind = kind
        self.amplitudes = spectrum(kind, rng)
        self.phases = rng.uniform(0, 2 * np.pi, 128) if rng.random() < 0.5 else np.zeros(128)
        self.closed = np.exp(rng.uniform(np.log(1.5), np.log(12)))  # harmonics: the filter at rest
        self.open = self.closed * np.exp(rng.uniform(0, 2.2))
        self.slope, self.resonance = rng.choice([2.0, 4.0]), rng.uniform(0, 1.5)
        self.filter_decay = np.exp(rng.uniform(np.log(0.05), np.log(0.8)))
        self.attack = np.exp(rng.uniform(np.log(0.001), np.log(0.015)))
        self.decay = np.exp(rng.uniform(np.log(0.3), np.log(2.5)))
        self.sustain = rng.choice([0.0, 0.5, 0.8, 1.0]) if kind not in ("pluck",) else 0.0
        self.release = np.exp(rng.uniform(np.log(0.01), np.log(0.08)))
        self.glide = rng.uniform(0.01, 0.06) if rng.random() < 0.25 else 0.0
        self.detune = rng.uniform(0.05, 0.2)  # semitones, of the reese's second oscillator
        self.ratio, self.index = rng.choice([1, 1, 1, 2, 3]), rng.uniform(0.5, 4)
        self.noise = rng.uniform(0, 0.02) if rng.random() < 0.3 else 0.0
        self.seed = int(rng.integers(2**31))
        self.tables = {}

    def table(self, count):
        """[16, 2049]: one period at 16 positions of the filter, with that many harmonics."""
        if count not in self.tables:
            k = np.arange(1, count + 1)
            cutoff = self.closed * (self.open / self.closed) ** np.linspace(0, 1, 16)[:, None]
            if self.kind == "pluck":
                response = np.exp(-(1 - np.linspace(0, 1, 16)[:, None]) * 3 * (k - 1) / self.closed)
            else:
                x = k[None] / cutoff
                response = 1 / np.sqrt((1 - x**2) ** 2 + (x / (0.7 + self.resonance)) ** 2)
                response *= 1 / np.sqrt(1 + x ** (2 * self.slope - 4)) if self.slope > 2 else 1
            lines = np.zeros((16, TABLE // 2 + 1), complex)
            lines[:, 1: count + 1] = response * self.amplitudes[:count] * np.exp(1j * (self.phases[:count] - np.pi / 2))
            wave = np.fft.irfft(lines, axis=1) * TABLE / 2
            wave /= np.sqrt((wave**2).mean()) * 3
            self.tables[count] = np.concatenate([wave, wave[:, :1]], 1).astype(np.float32)
        return self.tables[count]

    def read(self, phase, level, count):
        table = self.table(count)
        at = (phase - np.floor(phase)) * TABLE
        column = at.astype(np.int32)
        part = (at - column).astype(np.float32)
        level = np.clip(level, 0, 1) * 14.999
        row = level.astype(np.int32)
        fade = (level - row).astype(np.float32)
        flat, index = table.reshape(-1), row * (TABLE + 1) + column
        low = flat[index] * (1 - part) + flat[index + 1] * part
        index += TABLE + 1
        return low * (1 - fade) + (flat[index] * (1 - part) + flat[index + 1] * part) * fade

    def render(self, line, rate, samples):
        """[samples] float32. The pitch moves as the line says; a glide comes on top, see `glided`."""
        audio = np.zeros(samples + rate, np.float32)
        rng = np.random.default_rng(self.seed)
        phase, line = 0.0, self.glided(line)
        for i, note in enumerate(line):
            start = round(note[ONSET] * rate)
            end = round(line[i + 1][ONSET] * rate) if i + 1 < len(line) else samples
            held = max(note[OFFSET] - note[ONSET], 0.02)
            n = min(end - start, int((held + 8 * self.release) * rate), samples - start)
            if n <= 0:
                continue
            age = np.arange(n) / rate
            coarse = np.arange(0, n + 64, 64)
            pitch = note[KEY] + bend(note, np.minimum(coarse / rate, note[OFFSET] - note[ONSET]))
            f0 = np.interp(np.arange(n), coarse, 440 * 2 ** ((pitch - 69) / 12))
            turns = phase + np.cumsum(f0) / rate
            phase = float(turns[-1] % 1)
            velocity = note[VELOCITY] / 127
            level = np.exp(-age / self.filter_decay) * (0.4 + 0.6 * velocity)
            count = int(min(128, 0.46 * rate / f0.max()))
            count = max(c for c in (4, 8, 16, 24, 32, 48, 64, 96, 128) if c <= max(count, 4))
            if self.kind == "fm":
                wave = np.sin(2 * np.pi * turns + self.index * level * np.sin(2 * np.pi * self.ratio * turns)) * 0.5
            else:
                wave = self.read(turns, level, count)
                if self.kind == "reese":
                    wave = 0.6 * (wave + self.read(turns * 2 ** (self.detune / 12), level, count))
            envelope = np.minimum(1, age / self.attack) * (self.sustain + (1 - self.sustain) * np.exp(-age / self.decay))
            envelope *= np.where(age > held, np.exp(-(age - held) / self.release), 1) * (0.3 + 0.7 * velocity)
            if n == end - start:  # cut by the next note
                tail = min(n, round(0.004 * rate))
                envelope[-tail:] *= np.linspace(1, 0, tail)
            wave = wave * envelope
            if self.noise:
                wave = wave + rng.normal(0, self.noise, n) * np.exp(-age / 0.02)
            audio[start: start + n] += wave
        return audio[:samples]

    def glided(self, line):
        """The line as this bass plays it: where it glides, notes that follow closely slide in from the one before."""
        if not self.glide:
            return line
        line = line.copy()
        close = np.flatnonzero((line[1:, ONSET] - line[:-1, OFFSET] < 0.03) & (line[1:, KIND] == PLAIN)) + 1
        line[close, KIND], line[close, KIND + 1], line[close, KIND + 2] = SLIDE, line[close - 1, KEY] - line[close, KEY], self.glide
        return line


def effects(audio, rate, rng):
    """Light drive, compression, equaliser and room, each perhaps."""
    if rng.random() < 0.35:
        peak = np.abs(audio).max() + 1e-9
        drive = np.exp(rng.uniform(np.log(0.7), np.log(6)))
        audio = np.tanh(audio / peak * drive + rng.uniform(0, 0.15)) * peak / np.tanh(drive)
        audio = audio - audio.mean()
    if rng.random() < 0.3:
        power = scipy.signal.lfilter([0.002], [1, -0.998], audio**2) + 1e-9
        level = 10 * np.log10(power)
        over = np.maximum(level - (level.max() - rng.uniform(8, 20)), 0)
        audio = audio * 10 ** (-over * rng.uniform(0.3, 0.75) / 20)
    equalise, room = rng.random() < 0.5, rng.random() < 0.2
    if equalise or room:
        size = scipy.fft.next_fast_len(len(audio) + rate // 4, real=True)
        lines = scipy.fft.rfft(audio.astype(np.float32), size)
        if equalise:
            knots = np.log(np.array([30, 80, 200, 500, 1200, 3000, 8000, rate / 2]))
            gains = np.clip(rng.normal(0, 4, len(knots)), -9, 7)
            at = np.log(np.maximum(np.arange(len(lines)) * rate / size, 20))
            lines = lines * 10 ** (np.interp(at[:: 64], knots, gains).repeat(64)[: len(lines)] / 20)
        if room:
            length = int(rng.uniform(0.05, 0.24) * rate)
            impulse = rng.normal(size=length) * np.exp(-5 * np.arange(length) / length)
            impulse *= rng.uniform(0.02, 0.15) / np.sqrt((impulse**2).sum())
            impulse[0] += 1
            lines = lines * scipy.fft.rfft(impulse.astype(np.float32), size)
        audio = scipy.fft.irfft(lines, size)[: len(audio)]
    return audio.astype(np.float32)


@functools.lru_cache(2)
def loudness_weighting(size, rate):
    """[size / 2 + 1] complex response of BS.1770's two biquads as they are at 48 kHz, at the lines of a transform at `rate`."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) * rate / size / 48000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (1 - 1.69065929318241 * z + 0.73248077421585 * z**2)
    return (shelf * (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)).astype(np.complex64)


def loudness(audio, rate, hop, frames, first=0):
    """[frames] dB: Continuo Synth's measure (K-weighted mean square in Hann windows of 32 ms), every hop samples from first."""
    size = scipy.fft.next_fast_len(len(audio) + rate // 10, real=True)
    weighted = scipy.fft.irfft(scipy.fft.rfft(audio.astype(np.float32), size) * loudness_weighting(size, rate), size)
    window = int(0.032 * rate)
    power = np.concatenate([np.zeros(window // 2), weighted[: len(audio)] ** 2, np.zeros(window + first + frames * hop)])
    view = np.lib.stride_tricks.sliding_window_view(power, window)
    shape = scipy.signal.get_window("hann", window)
    return np.maximum(10 * np.log10(np.maximum(view[first + np.arange(frames) * hop] @ (shape / shape.sum()), 1e-12)), -90)
