"""The front end of Continuo Bass: two filter banks of mono sound at 24 kHz, for mixes and for basses alike.

A latent frame is 48 ms. T (tonal) has 144 log-spaced bands twice a latent frame, R (rhythm) 32 mel bands four times. Powers
are stored in dB; the network sees `scaled` values.
"""

import functools

import numpy as np
import scipy.fft

RATE = 24000
FRAME = 1152  # samples of a latent frame
TONAL_WINDOW, RHYTHM_WINDOW = 4096, 512
TONAL_AT, RHYTHM_AT = (288, 864), (144, 432, 720, 1008)  # centres of the windows in a latent frame, samples
TONAL_BANDS, RHYTHM_BANDS = 144, 32
LOWEST, PER_OCTAVE = 32.70, 24
FLOOR, CEILING = -90.0, 20.0  # dB
FEATURES = 2 * TONAL_BANDS + 4 * RHYTHM_BANDS


def hann(size):
    """The periodic window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def sine_power(frequency, size):
    """[size / 2 + 1] power spectrum, through the window, of a full-scale sine, mean over its phases."""
    angle = 2 * np.pi * frequency / RATE * np.arange(size)
    spectrum = [np.abs(np.fft.rfft(hann(size) * wave)) ** 2 for wave in (np.cos(angle), np.sin(angle))]
    return (spectrum[0] + spectrum[1]) / 2


def tonal_frequencies(bands=TONAL_BANDS):
    return LOWEST * 2 ** (np.arange(bands) / PER_OCTAVE)


@functools.cache
def tonal_filters(bands=TONAL_BANDS):
    """[bands, 2049] weights of the power spectrum: Gaussians, a full-scale sine at the centre gives 1."""
    bins = np.arange(TONAL_WINDOW // 2 + 1) * RATE / TONAL_WINDOW
    centre = tonal_frequencies(bands)[:, None]
    deviation = np.maximum(centre * (2 ** (25 / 1200) - 1), 0.6 * RATE / TONAL_WINDOW)
    weights = np.exp(-0.5 * ((bins[None] - centre) / deviation) ** 2)
    weights[np.abs(bins[None] - centre) > 5 * deviation] = 0
    gain = [w @ sine_power(f, TONAL_WINDOW) for w, f in zip(weights, centre[:, 0])]
    return weights / np.array(gain)[:, None]


@functools.cache
def rhythm_filters():
    """[32, 257] weights of the power spectrum: mel triangles of equal sums, a full-scale sine gives at most 1."""
    bins = np.arange(RHYTHM_WINDOW // 2 + 1) * RATE / RHYTHM_WINDOW
    edge = np.linspace(*(2595 * np.log10(1 + np.array([30, 11900]) / 700)), RHYTHM_BANDS + 2)
    edge = 700 * (10 ** (edge / 2595) - 1)
    low, centre, high = edge[:-2, None], edge[1:-1, None], edge[2:, None]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights /= weights.sum(1, keepdims=True)
    # The bands are narrowest, and so loudest, at the bottom.
    loudest = max((weights @ sine_power(f, RHYTHM_WINDOW)).max() for f in np.arange(40, 2000, 4.0))
    return weights / loudest


def spectra(audio, frames, size, at):
    """[frames · len(at), size / 2 + 1] power spectra, in order of time. Before and after the sound there is silence."""
    last = (frames - 1) * FRAME + max(at) + size // 2
    padded = np.concatenate([np.zeros(size // 2, np.float32), np.asarray(audio, np.float32)[:last],
                             np.zeros(max(0, last - len(audio)), np.float32)])
    view = np.lib.stride_tricks.sliding_window_view(padded, size)
    rows = (np.arange(frames)[:, None] * FRAME + np.array(at)[None]).reshape(-1)
    window = hann(size).astype(np.float32)
    return np.concatenate([np.abs(scipy.fft.rfft(view[rows[a: a + 128]] * window, axis=1)) ** 2
                           for a in range(0, len(rows), 128)])


def decibels(power):
    return np.clip(10 * np.log10(power + 1e-9), FLOOR, CEILING)


@functools.cache
def matrices(bands):
    """The filters as float32 matrices to multiply spectra with: tonal [used bins, bands], rhythm [257, 32]."""
    tonal = tonal_filters(bands)
    used = int(np.flatnonzero(tonal.any(0)).max()) + 1
    return tonal[:, :used].T.astype(np.float32).copy(), rhythm_filters().T.astype(np.float32).copy()


def analyse(audio, frames, bands=TONAL_BANDS):
    """Filter banks of mono audio [samples] at 24 kHz: T [2 · frames, bands] and R [4 · frames, 32] in dB."""
    tonal, rhythm = matrices(bands)
    t = spectra(audio, frames, TONAL_WINDOW, TONAL_AT)[:, : len(tonal)] @ tonal
    r = spectra(audio, frames, RHYTHM_WINDOW, RHYTHM_AT) @ rhythm
    return decibels(t), decibels(r)


def scaled(db):
    """What networks see of dB values: −1.25 … 1.5."""
    return db / 40 + 1


def features(audio, frames):
    """[frames, 416] float32: T's two rows, then R's four, scaled."""
    t, r = analyse(audio, frames)
    return scaled(np.concatenate([t.reshape(frames, -1), r.reshape(frames, -1)], 1)).astype(np.float32)
