"""Continuo Synth's decoder: pitch, loudness and an instrument's embedding, frame by frame, to a harmonic and noise spectrum.

The network gives only the timbre: `Decoder.impose` scales its spectrum so that the frame has exactly the loudness asked
for, measured as `features.loudness` measures it. Control frames are 250 a second at 48 kHz.
"""

import math

import numpy as np
import torch
from torch import nn

RATE = 48000
HOP = 192  # samples from one control frame to the next: 4 ms
HARMONICS = 128
NOISE_NODES = 65
EMBEDDING = 16
FADE_FROM, FADE_TO = 20000.0, 22000.0  # Hz: harmonics fade out linearly between these
HARMONIC_RANGE = (-6.0, 2.0)  # log10 of relative amplitude
NOISE_RANGE = (-8.0, 0.0)  # log10 of relative amplitude density
LOUDNESS_FLOOR = -90.0

# The two biquads of ITU-R BS.1770-4 at 48 kHz: the head's shelf and the high pass.
K_WEIGHTING = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


def k_power(frequency):
    """|H|² of the K-weighting at the frequencies (Hz) of a tensor. Zero at and above half the sample rate."""
    # As polynomials in sin²(ω/2): the cosines' form loses all its digits to cancellation at low frequencies in float32.
    s = torch.sin(frequency.clamp(max=RATE / 2) * (math.pi / RATE)) ** 2

    def square(c):
        return sum(c) ** 2 - (4 * c[1] * (c[0] + c[2]) + 16 * c[0] * c[2]) * s + 16 * c[0] * c[2] * s**2
    power = torch.ones_like(frequency)
    for b, a in K_WEIGHTING:
        power = power * square(b).clamp(min=0) / square(a)
    return torch.where(frequency < RATE / 2, power, torch.zeros_like(power))


def mel(frequency):
    return 2595 * np.log10(1 + np.asarray(frequency, np.float64) / 700)


def node_frequencies():
    """The 65 frequencies (Hz, float64) of the noise spectrum's nodes: evenly spaced in mel from 0 to 24 kHz."""
    return 700 * (10 ** (np.linspace(0, mel(RATE / 2), NOISE_NODES) / 2595) - 1)


def node_weights(frequency):
    """[65, F]: the triangular partition of unity in mel over the nodes, at the frequencies (Hz) given."""
    position = np.clip(mel(frequency) / mel(RATE / 2) * (NOISE_NODES - 1), 0, NOISE_NODES - 1)
    return np.maximum(0, 1 - np.abs(position[None] - np.arange(NOISE_NODES)[:, None]))


def noise_loudness():
    """[65] float64: the integral of the K-weighting's power times each node's triangle, in Hz."""
    step = 0.25
    frequency = np.arange(0, RATE / 2, step) + step / 2
    return node_weights(frequency) @ k_power(torch.from_numpy(frequency)).numpy() * step


def fade(frequency):
    """What is left of a harmonic at a frequency (Hz): 1 up to 20 kHz, 0 from 22 kHz."""
    return ((FADE_TO - frequency) / (FADE_TO - FADE_FROM)).clamp(0, 1)


def hertz(pitch):
    """Hz of MIDI note numbers."""
    return 440.0 * torch.exp2((pitch - 69) / 12)


class Decoder(nn.Module):
    """Dense blocks around one recurrent layer. Sizes: `width` of the dense layers, `state` of the GRU."""

    def __init__(self, width, state, instruments):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(instruments, EMBEDDING) * 0.5)
        self.add_module("in", nn.Linear(EMBEDDING + 2, width))
        self.in_norm = nn.LayerNorm(width)
        self.mid = nn.Linear(width, width)
        self.mid_norm = nn.LayerNorm(width)
        self.gru = nn.GRU(width, state, batch_first=True)
        self.post = nn.Linear(state + width, width)
        self.post_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, HARMONICS + NOISE_NODES)
        self.register_buffer("noise_loudness", torch.from_numpy(noise_loudness()).float())

    @staticmethod
    def features(pitch, loudness, embedding):
        """[..., 18] of pitch (MIDI), loudness (dB) and embedding [..., 16]."""
        head = torch.stack([(pitch - 60) / 24, ((loudness + 50) / 25).clamp(-2.0, 2.4)], -1)
        return torch.cat([head, embedding], -1)

    def forward(self, pitch, loudness, embedding, state=None):
        """pitch, loudness [B, T], embedding [B, T, 16], state [B, G] → logs [B, T, 193], states of all frames [B, T, G]."""
        def block(layer, norm, x):
            return nn.functional.leaky_relu(norm(layer(x)), 0.2)
        u = block(getattr(self, "in"), self.in_norm, self.features(pitch, loudness, embedding))
        v = block(self.mid, self.mid_norm, u)
        states, _ = self.gru(v, None if state is None else state[None])
        w = block(self.post, self.post_norm, torch.cat([states, v], -1))
        return self.head(w), states

    @staticmethod
    def relative(logs, pitch):
        """Relative amplitudes of the harmonics (faded near half the sample rate) [..., 128] and noise densities [..., 65]."""
        number = torch.arange(1, HARMONICS + 1, dtype=logs.dtype, device=logs.device)
        frequency = hertz(pitch)[..., None] * number
        harmonics = 10 ** logs[..., :HARMONICS].clamp(*HARMONIC_RANGE) * fade(frequency)
        return harmonics, 10 ** logs[..., HARMONICS:].clamp(*NOISE_RANGE), frequency

    def impose(self, logs, pitch, loudness):
        """Amplitudes a [..., 128] and noise densities n [..., 65] (RMS per √Hz) of exactly that loudness (dB)."""
        harmonics, noise, frequency = self.relative(logs, pitch)
        power = (0.5 * k_power(frequency) * harmonics**2).sum(-1) + (self.noise_loudness * noise**2).sum(-1)
        gain = (10 ** (loudness / 20) / power.sqrt())[..., None]
        return gain * harmonics, gain * noise
