"""What training minimises, and the spectral distance by which resyntheses are judged."""

import math

import torch
import torch.nn.functional as F

import network

FLOOR = -3.75  # log10 of amplitude re the frame's loudness: what lies lower (75 dB) is not heard
SIZES = (2048, 1024, 512, 256, 128, 64)


def regression(decoder, logs, pitch, harmonics, noise, sounds):
    """Errors of the spectrum's shape against the measured one, both at unit loudness, weighted by audibility.

    logs [B, T, 193], pitch [B, T], harmonics [B, T, 128] and noise [B, T, 65] log10 re unit loudness, sounds [B, T] bool.
    Returns the harmonics' mean error in dB and the noise's mean Itakura-Saito distance (a likelihood of noise power: it
    has no bias from the scatter of single noise spectra).
    """
    relative, density, frequency = decoder.relative(logs, pitch)
    power = (0.5 * network.k_power(frequency) * relative**2).sum(-1) + (decoder.noise_loudness * density**2).sum(-1)
    gain = -0.5 * torch.log10(power)[..., None]
    predicted = logs[..., :network.HARMONICS].clamp(*network.HARMONIC_RANGE) + gain
    valid = (frequency < network.FADE_FROM) & sounds[..., None]
    weight = ((torch.maximum(harmonics, predicted.detach()) - FLOOR) / 1.5).clamp(0.02, 1) * valid
    error = F.smooth_l1_loss(predicted.clamp(min=FLOOR), harmonics.clamp(min=FLOOR), beta=0.05, reduction="none")
    harmonic_loss = 20 * (error * weight).sum() / weight.sum()

    predicted = logs[..., network.HARMONICS:].clamp(*network.NOISE_RANGE) + gain
    band = 0.5 * torch.log10(decoder.noise_loudness)
    floor = FLOOR - band
    weight = ((torch.maximum(noise, predicted.detach()) - floor) / 1.5).clamp(0.02, 1) * sounds[..., None]
    ratio = 2 * math.log(10) * (torch.maximum(noise, floor) - torch.maximum(predicted, floor))
    steep = ratio.clamp(max=2.0)
    distance = torch.exp(steep) - steep - 1 + (ratio - steep) * (math.exp(2.0) - 1)
    noise_loss = (distance * weight).sum() / weight.sum()
    return harmonic_loss, noise_loss


def spectra(audio, size):
    window = torch.hann_window(size, dtype=audio.dtype, device=audio.device)
    return torch.stft(audio, size, size // 4, window=window, center=False, return_complex=True).abs()


def spectral(a, b, sizes=SIZES):
    """Multi-scale spectral loss (DDSP's: L1 of magnitudes plus L1 of their logs, summed over the sizes). [B, samples]."""
    total = 0
    for size in sizes:
        x, y = spectra(a, size), spectra(b, size)
        total = total + (x - y).abs().mean() + (torch.log(x + 1e-5) - torch.log(y + 1e-5)).abs().mean()
    return total
