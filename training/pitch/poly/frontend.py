"""The front end of the polyphonic network: three spectra of different windows on bins of a third of a semitone.

All times are in samples at 16 kHz. Frame k speaks of the instant k · HOP, and is made when the sound up to DELAY samples
after it is there. models/continuo-pitch-poly.md specifies it for other implementations.
"""

import functools

import numpy as np

RATE = 16000
HOP = 160
DELAY = 800  # samples of sound after a frame's instant
LOWEST_KEY = 28  # E1, position 0
POSITIONS = 72  # semitones: keys 28 to 99
BINS = 272  # bin b is the pitch LOWEST_KEY + (b − 1) / 3: up to key 118, 7458 Hz
PITCH_BINS = 3 * POSITIONS
WINDOWS = ((3456, 640), (1600, 448), (480, 160))  # rise into the past, fall to the newest sample: long, middle, short
SIZES = (4096, 2048, 2048)  # of their transforms
HARMONICS = ((1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6, 7), (1 / 2, 1, 2, 3, 4), (1, 2, 3))  # that are stacked, of each window
CHANNELS = sum(len(h) for h in HARMONICS)
FLOOR = 1e-10  # added to power


def window(rise, fall):
    """sin² rising over `rise` samples, cos² falling over `fall`; scaled so that a sinusoid of amplitude 1 peaks at 1."""
    up = np.sin(np.pi / 2 * (np.arange(rise) + 0.5) / rise) ** 2
    down = np.cos(np.pi / 2 * (np.arange(fall) + 0.5) / fall) ** 2
    w = np.concatenate([up, down])
    return w / (w.sum() / 2)


def bin_frequency(index):
    return 440 * 2 ** ((LOWEST_KEY + (np.asarray(index, dtype=np.float64) - 1) / 3 - 69) / 12)


@functools.lru_cache
def filter_bank(size):
    """[BINS, size/2+1]: triangles in power, centred on each bin, half as wide as two bins or two lines of the transform."""
    lines = np.arange(size // 2 + 1) * RATE / size
    bank = np.zeros((BINS, len(lines)))
    for b in range(BINS):
        centre = bin_frequency(b)
        half = max(bin_frequency(b + 1) - centre, RATE / size)
        weights = np.maximum(0, 1 - np.abs(lines - centre) / half)
        bank[b] = weights / weights.sum()
    return bank


def shifts(harmonics):
    """Bins from a pitch to its harmonics."""
    return [int(round(36 * np.log2(h))) for h in harmonics]


def spectra(audio, frames=None):
    """[frames, 3, BINS] dB of audio at 16 kHz; silence before it and after it."""
    count = frames or (len(audio) + HOP - 1) // HOP
    longest = max(SIZES)
    padded = np.concatenate([np.zeros(longest), audio.astype(np.float64), np.zeros(DELAY + HOP)])
    out = np.empty((count, 3, BINS), np.float32)
    for k, ((rise, fall), size) in enumerate(zip(WINDOWS, SIZES)):
        shape = window(rise, fall)
        length = len(shape)
        # Frame t hears up to sample t · HOP + DELAY.
        view = np.lib.stride_tricks.sliding_window_view(padded, length)[longest + DELAY - length:: HOP]
        bank = filter_bank(size).T.astype(np.float32)
        for start in range(0, count, 512):
            part = view[start: min(start + 512, count)]
            power = np.abs(np.fft.rfft(part * shape, n=size)) ** 2
            level = 10 * np.log10(power.astype(np.float32) @ bank + FLOOR)
            out[start: start + len(part), k] = level
            if len(part) < min(start + 512, count) - start:
                out[start + len(part): count, k] = -100
    return out


def quantise(levels):
    """dB → uint8, in steps of 0.4 dB from −100 on."""
    return np.clip(np.round((levels + 100) * 2.5), 0, 255).astype(np.uint8)


def features(levels):
    """torch [..., frames, 3, BINS] dB → stacked spectra [..., CHANNELS, frames, PITCH_BINS] and levels [..., frames, 3].

    Each spectrum is given in 20 dB relative to its mean, which is its level. What lies outside the spectrum is 0.
    """
    import torch
    mean = levels.mean(-1, keepdim=True)
    relative = (levels - mean) / 20
    low = 60
    padded = torch.nn.functional.pad(relative, (low, PITCH_BINS + 101 - BINS))
    stacked = [padded[..., k, low + s: low + s + PITCH_BINS] for k in range(3) for s in shifts(HARMONICS[k])]
    return torch.stack(stacked, dim=-3), mean[..., 0] / 20
