"""Sound of control frames: harmonics and filtered noise at 48 kHz, differentiable."""

import math

import torch
import torch.nn.functional as F

import network

HOP, RATE = network.HOP, network.RATE


def phase(f0):
    """[T] Hz → [(T − 1)·192] cycles (float64, whole cycles taken off): the exact integral of f0 linear between frames."""
    f0 = f0.double()
    x = torch.arange(HOP, dtype=torch.float64) / HOP
    before = F.pad(torch.cumsum((f0[:-1] + f0[1:]) / 2, 0), (1, 0))[:-1]
    cycles = before[:, None] + f0[:-1, None] * x + (f0[1:] - f0[:-1])[:, None] * x**2 / 2
    return torch.remainder(cycles * (HOP / RATE), 1).reshape(-1)


def harmonic_sound(f0, amplitudes, start=None):
    """f0 [T], amplitudes [T, 128] → [(T − 1)·192] samples. start: phases in cycles [128], 0 by default."""
    frames = len(f0)
    count = max(1, min(network.HARMONICS, int(network.FADE_TO / f0.min())))
    cycles = phase(f0)[:, None] * torch.arange(1, count + 1)
    if start is not None:
        cycles = cycles + start[:count]
    sines = torch.sin(torch.remainder(cycles, 1).float() * (2 * math.pi)).reshape(frames - 1, HOP, count)
    ends = torch.stack([amplitudes[:-1, :count], amplitudes[1:, :count]], -1)
    pair = torch.bmm(sines, ends)
    x = torch.arange(HOP) / HOP
    return (pair[..., 0] * (1 - x) + pair[..., 1] * x).reshape(-1)


RESPONSE = torch.from_numpy(network.node_weights(torch.arange(2 * HOP + 1).numpy() * RATE / (4 * HOP))).float()


def noise_sound(densities, generator=None):
    """densities [B, T, 65] (RMS per √Hz) → [B, (T − 1)·192] samples of Gaussian noise."""
    batch, frames, _ = densities.shape
    white = torch.randn(batch, (frames + 1) * HOP, generator=generator)
    window = torch.hann_window(2 * HOP)
    blocks = F.pad(white.unfold(1, 2 * HOP, HOP) * window, (HOP, HOP))  # block t is centred on frame t
    # White noise of unit variance has the one-sided density √(2 / RATE) RMS per √Hz.
    gain = densities @ RESPONSE * math.sqrt(RATE / 2)
    shaped = torch.fft.irfft(torch.fft.rfft(blocks) * gain, n=4 * HOP)
    length = (frames + 3) * HOP
    sound = F.fold(shaped.transpose(1, 2), (1, length), (1, 4 * HOP), stride=(1, HOP))[:, 0, 0]
    return sound[:, 2 * HOP: 2 * HOP + (frames - 1) * HOP]


def sound(f0, loudness, amplitudes, densities, generator=None):
    """[B, T] and [B, T, …] → [B, (T − 1)·192]. Frames at the loudness floor are silent."""
    audible = (loudness > network.LOUDNESS_FLOOR + 0.5).float()[..., None]
    amplitudes, densities = amplitudes * audible, densities * audible
    harmonics = torch.stack([harmonic_sound(f, a) for f, a in zip(f0, amplitudes)])
    return harmonics + noise_sound(densities, generator)
