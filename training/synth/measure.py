"""Loudness of a sound, and harmonics and noise of a note whose pitch is known.

A note is resampled so that each of its periods has the same number of samples, and cut into Hann windows of a whole number
of periods: harmonics then lie on the transform's lines, and the lines between them hold noise alone.
"""

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

import network

RATE, HOP = network.RATE, network.HOP
LOUDNESS_WINDOW = 1536
REFINE_CENTS = 70.0  # samples are at most that much out of tune
NODES = network.node_frequencies()


def k_weighted(audio):
    for b, a in network.K_WEIGHTING:
        audio = scipy.signal.lfilter(b, a, audio)
    return audio


def loudness(audio, frames, window=LOUDNESS_WINDOW, offset=0):
    """[frames] dB: K-weighted mean square in Hann windows centred `offset` samples after the frames' instants."""
    power = k_weighted(np.asarray(audio, np.float64)) ** 2
    shape = scipy.signal.get_window("hann", window)
    power = np.pad(power, (window, window + frames * HOP + abs(offset)))
    means = scipy.signal.oaconvolve(power, shape / shape.sum(), mode="full")
    at = window + np.arange(frames) * HOP + offset + window // 2
    return np.maximum(10 * np.log10(np.maximum(means[at], 1e-12)), network.LOUDNESS_FLOOR)


class Spectrum:
    """Windows of whole periods of a note around its frames. f0: Hz at the frames, frame 0 at sample `start` of audio."""

    def __init__(self, audio, start, f0):
        frames = len(f0)
        middle = float(np.median(f0))
        self.periods = int(max(4, 2 * round(middle * 0.024 / 2)))
        self.per_period = int(np.ceil(RATE / f0.min() / 2) * 2)
        half = self.periods * self.per_period // 2
        samples = np.arange(len(audio))
        instant = (samples - start) / HOP
        f = np.interp(instant, np.arange(frames), f0)
        phase = np.concatenate([[0], np.cumsum((f[:-1] + f[1:]) / 2)]) / RATE
        grid = np.arange(int(phase[-1] * self.per_period)) / self.per_period
        where = np.interp(grid, phase, samples)
        twice = scipy.signal.resample_poly(audio, 2, 1)
        warped = scipy.ndimage.map_coordinates(twice, [where * 2], order=3, mode="nearest")
        warped = np.pad(warped, (half, 2 * half + 4))
        centre = np.interp(start + np.arange(frames) * HOP, samples, phase)
        first = np.round(centre * self.per_period).astype(int)
        window = scipy.signal.get_window("hann", 2 * half).astype(np.float32)
        view = np.lib.stride_tricks.sliding_window_view(warped.astype(np.float32), 2 * half)
        self.lines = np.concatenate([
            scipy.fft.rfft(view[np.minimum(first[a: a + 64], len(view) - 1)] * window, axis=1)
            for a in range(0, frames, 64)])
        self.cycles = first / self.per_period  # of the nominal pitch, since the audio's beginning
        self.f0, self.sum, self.square = f0, float(window.sum()), float((window**2).sum())


def refine(audio, start, f0):
    """f0 as it is: the nominal one plus what the phases of the strong harmonics say, smoothed over about 25 ms."""
    spectrum = Spectrum(audio, start, f0)
    count = min(12, int(18000 / f0.max()), spectrum.lines.shape[1] // spectrum.periods - 1)
    number = np.arange(1, count + 1)
    lines = spectrum.lines[:, number * spectrum.periods]
    lines = lines * np.exp(-2j * np.pi * number[None] * spectrum.cycles[:, None])
    step = np.angle(lines[1:] * np.conj(lines[:-1])) / (2 * np.pi) * RATE / HOP  # Hz off, per harmonic
    strength = np.minimum(np.abs(lines[1:]), np.abs(lines[:-1])) ** 2
    top = (strength * number**2).sum(1)
    deviation = (strength * number * step).sum(1)
    smooth = scipy.signal.get_window("hann", 9)[1:]
    top_s = np.convolve(top, smooth, "same")
    deviation = np.convolve(deviation, smooth, "same") / np.maximum(top_s, 1e-20)
    # Where the note is nearly silent there is nothing to learn.
    deviation = np.where(top_s > top_s.max() * 1e-7, deviation, 0)
    off = np.concatenate([deviation[:1], (deviation[1:] + deviation[:-1]) / 2, deviation[-1:]]) if len(f0) > 2 else 0
    limit = 2 ** (REFINE_CENTS / 1200)
    return np.clip(f0 + off, f0 / limit, f0 * limit)


def measure(audio, start, f0):
    """log10 amplitudes of 128 harmonics [T, 128] and log10 noise densities (RMS per √Hz) at the nodes [T, 65]."""
    spectrum = Spectrum(audio, start, f0)
    power = np.abs(spectrum.lines) ** 2
    frames, count = power.shape
    m = spectrum.periods
    middle = float(np.median(f0))
    last = min(network.HARMONICS, (count - 3) // m)
    reach = 1 if m < 8 else 2
    # Noise lies on the lines at least two away from any harmonic; above the last harmonic, on all.
    line = np.arange(count)
    between = np.minimum(line % m, m - line % m) >= 2
    beyond = line > (network.HARMONICS + 0.5) * m
    usable = (between | beyond) & (line >= 2)
    rate = spectrum.per_period * middle
    density = 2 * power[:, usable] / (rate * spectrum.square)
    weights = network.node_weights(line[usable] * middle / m)  # [65, lines]
    mass = weights.sum(1)
    noise = density @ weights.T / np.maximum(mass, 1e-9)
    # A little smoothing in time: single lines of noise scatter widely. It may not run over the note's beginning.
    smooth = scipy.signal.get_window("hann", 7)[1:]
    norm = np.convolve(np.ones(frames), smooth, "same")[:, None]
    noise = scipy.ndimage.convolve1d(noise, smooth[::1], axis=0, mode="constant") / norm
    log_noise = 0.5 * np.log10(np.maximum(noise, 1e-20))
    known = mass > 0.3
    at = network.mel(NODES)
    for t in range(frames):
        log_noise[t] = np.interp(at, at[known], log_noise[t, known])
    # The lobe's lines together: amplitudes survive a little detuning and vibrato.
    number = np.arange(1, last + 1)
    lobe = sum(power[:, np.minimum(number * m + d, count - 1)] for d in range(-reach, reach + 1))
    floor = np.stack([np.interp(number * middle, NODES, 10 ** (2 * log_noise[t])) for t in range(frames)])
    floor = floor * (2 * reach + 1) * rate * spectrum.square / 2
    square = np.maximum(lobe - floor, lobe * 1e-3) / 1.5 * 4 / spectrum.sum**2
    harmonics = np.full((frames, network.HARMONICS), -10.0)
    harmonics[:, :last] = 0.5 * np.log10(np.maximum(square, 1e-20))
    harmonics[np.arange(1, network.HARMONICS + 1)[None] * f0[:, None] >= network.FADE_FROM] = -10
    return harmonics, log_noise
