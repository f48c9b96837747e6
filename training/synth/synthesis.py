"""Sound of control frames: harmonics and filtered noise at 48 kHz, differentiable."""

import math

import torch
import torch.nn.functional as F

import network

HOP, RATE = network.HOP, network.RATE


def phase(f0):
    """[T] Hz → [(T − 1)·192] cycles (float64, whole cycles taken off): the exact integral of f0 linear between frames."""
    f0 = f0.double()
    x = torch.arange(HOP, dtype=torch.float64, device=f0.device) / HOP
    before = F.pad(torch.cumsum((f0[:-1] + f0[1:]) / 2, 0), (1, 0))[:-1]
    cycles = before[:, None] + f0[:-1, None] * x + (f0[1:] - f0[:-1])[:, None] * x**2 / 2
    return torch.remainder(cycles * (HOP / RATE), 1).reshape(-1)


def harmonic_sound(f0, amplitudes):
    """f0 [T], amplitudes [T, 128] or [V, T, 128] of several spectra → [(T − 1)·192] or [V, …] samples."""
    several = amplitudes if amplitudes.dim() == 3 else amplitudes[None]
    count = max(1, min(network.HARMONICS, int(network.FADE_TO / f0.min())))
    number = torch.arange(1, count + 1, device=f0.device)
    x = (torch.arange(HOP, device=f0.device) / HOP)[None, :, None]
    cycles = phase(f0).reshape(len(f0) - 1, HOP, 1)
    pieces = []
    for a in range(0, len(cycles), 64):  # pieces that stay in the processor's cache
        turns = cycles[a: a + 64] * number
        sines = torch.sin((turns - turns.floor()).float() * (2 * math.pi))
        ends = several[:, a: a + sines.shape[0] + 1, :count].permute(1, 2, 0)  # [frames, K, V]
        pieces.append(torch.bmm(sines, ends[:-1]) * (1 - x) + torch.bmm(sines, ends[1:]) * x)
    sound = torch.cat(pieces).reshape(-1, several.shape[0]).T
    return sound if amplitudes.dim() == 3 else sound[0]


RESPONSE = torch.from_numpy(network.node_weights(torch.arange(2 * HOP + 1).numpy() * RATE / (4 * HOP))).float()


def noise_sound(densities, generator=None):
    """densities [B, T, 65] (RMS per √Hz) → [B, (T − 1)·192] samples of Gaussian noise."""
    batch, frames, _ = densities.shape
    white = torch.randn(batch, (frames + 1) * HOP, generator=generator).to(densities.device)  # the same draw on every device
    window = torch.hann_window(2 * HOP, device=densities.device)
    blocks = F.pad(white.unfold(1, 2 * HOP, HOP) * window, (HOP, HOP))  # block t is centred on frame t
    # White noise of unit variance has the one-sided density √(2 / RATE) RMS per √Hz.
    gain = densities @ RESPONSE.to(densities.device) * math.sqrt(RATE / 2)
    shaped = torch.fft.irfft(torch.fft.rfft(blocks) * gain, n=4 * HOP)
    length = (frames + 3) * HOP
    sound = F.fold(shaped.transpose(1, 2), (1, length), (1, 4 * HOP), stride=(1, HOP))[:, 0, 0]
    return sound[:, 2 * HOP: 2 * HOP + (frames - 1) * HOP]


def sound(f0, loudness, amplitudes, densities, generator=None):
    """[B, T] and [B, T, …] → [B, (T − 1)·192]. Frames at the loudness floor are silent. f0 [T] may serve the whole batch."""
    audible = (loudness > network.LOUDNESS_FLOOR + 0.5).float()[..., None]
    amplitudes, densities = amplitudes * audible, densities * audible
    if f0.dim() == 1:
        harmonics = harmonic_sound(f0, amplitudes)
    else:
        harmonics = torch.stack([harmonic_sound(f, a) for f, a in zip(f0, amplitudes)])
    return harmonics + noise_sound(densities, generator)
