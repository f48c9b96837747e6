"""The bass autoencoder: a bass's features to 24 latents a frame of 48 ms, and back to a line and a sound.

Latents are 16 line channels (pitch, onsets, loudness, articulation) and 8 timbre channels (slow), standardised. The line
head gives pitch, onsets and loudness 125 times a second; the sound is Continuo Synth's decoder with an embedding made of the
latents.
"""

import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

import frontend
import layers

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "synth"))
import network  # noqa: E402  Continuo Synth's

LINE, TIMBRE = 16, 8
LATENTS = LINE + TIMBRE
FRAME_SECONDS = 0.048
STEPS = 6  # of the line head in a latent frame: 8 ms each; step i of a take is at 8 i + 4 ms
LOWEST_NOTE, NOTES = 23, 45  # B0 … G4
NONE = NOTES  # the class "no pitch"
TIMBRE_REACH = 24  # frames to each side that a timbre channel is the mean of
EMBEDDING = network.EMBEDDING
CONTROL_STEPS = 12  # control frames of the sound in a latent frame: 4 ms each; frame n of a take is at 4 n ms


class Encoder(nn.Module):
    """Features [B, T, 416] → latents before standardisation [B, T, 24]."""

    def __init__(self, width=96, blocks=3):
        super().__init__()
        self.trunk = layers.Stack(frontend.FEATURES, width, blocks)
        self.line = nn.Linear(width, LINE)
        self.timbre = nn.Linear(width, TIMBRE)
        self.weight = nn.Linear(width, 1)  # how much a frame says about the timbre: silence says nothing

    def forward(self, features):
        h = self.trunk(features)
        weight = F.softplus(self.weight(h)) + 1e-4
        return torch.cat([self.line(h), layers.moving_mean(self.timbre(h), weight, TIMBRE_REACH)], -1)


class LineHead(nn.Module):
    """Latents [B, T, 24] → per 8 ms [B, 6 T, …]: pitch logits [46], cents (semitones, −1 … 1), onset logit, loudness (dB)."""

    def __init__(self, width=80, blocks=2, fine=32, fine_blocks=1):
        super().__init__()
        self.trunk = layers.Stack(LATENTS, width, blocks)
        self.spread = nn.Linear(width, STEPS * fine)
        self.fine = nn.ModuleList(layers.Block(fine) for _ in range(fine_blocks))
        self.norm = nn.LayerNorm(fine)
        self.head = nn.Linear(fine, NOTES + 1 + 3)

    def forward(self, latents):
        h = self.spread(self.trunk(latents))
        h = h.reshape(h.shape[0], h.shape[1] * STEPS, -1)
        for block in self.fine:
            h = block(h)
        y = self.head(self.norm(h))
        return y[..., : NOTES + 1], torch.tanh(y[..., NOTES + 1]), y[..., NOTES + 2], y[..., NOTES + 3] * 25 - 50


class Sound(nn.Module):
    """Pitch and loudness at control frames, and latents, to the Synth's spectra."""

    def __init__(self, width=96, state=96, hidden=32):
        super().__init__()
        self.first = nn.Conv1d(LATENTS, hidden, 3, padding=1)
        self.second = nn.Conv1d(hidden, EMBEDDING, 3, padding=1)
        self.decoder = network.Decoder(width, state, 1)
        del self.decoder.embedding  # it comes from the latents

    def embedding(self, latents):
        """[B, T, 24] → [B, T, 16]."""
        h = F.gelu(self.first(latents.transpose(1, 2)), approximate="tanh")
        return self.second(h).transpose(1, 2)

    @staticmethod
    def at_control_frames(values, count):
        """Values of latent frames [B, T, C] (centres at 48 k + 24 ms), linearly between, at control frames [B, count, C]."""
        return between(values, torch.arange(count) / CONTROL_STEPS - 0.5)

    def forward(self, pitch, loudness, latents, state=None):
        """pitch, loudness [B, N] of control frames, latents [B, T, 24] → logs [B, N, 193], states [B, N, G]."""
        embedding = self.at_control_frames(self.embedding(latents), pitch.shape[1])
        return self.decoder(pitch, loudness, embedding, state)


def between(values, at):
    """values [B, T, C] at fractional places at [N], linearly between, the ends' beyond them: [B, N, C]."""
    at = at.clamp(0, values.shape[1] - 1)
    low = at.floor().long().clamp(max=max(values.shape[1] - 2, 0))
    part = (at - low).to(values.dtype)[None, :, None]
    return values[:, low] * (1 - part) + values[:, (low + 1).clamp(max=values.shape[1] - 1)] * part


class FeatureDecoder(nn.Module):
    """Latents [B, T, 24] → features [B, T, 416]. It teaches the encoder; the product has no use for it."""

    def __init__(self, width=160):
        super().__init__()
        self.near = nn.Conv1d(LATENTS, width, 3, padding=1)
        self.wide = nn.Linear(width, width)
        self.head = nn.Linear(width, frontend.FEATURES)

    def forward(self, latents):
        h = F.gelu(self.near(latents.transpose(1, 2)).transpose(1, 2), approximate="tanh")
        return self.head(F.gelu(self.wide(h), approximate="tanh"))


class Autoencoder(nn.Module):
    """Encoder, standardisation, line head and sound: what the model file holds."""

    def __init__(self, encoder=(96, 3), line=(80, 2, 32, 1), sound=(96, 96, 32)):
        super().__init__()
        self.sizes = dict(encoder=list(encoder), line=list(line), sound=list(sound))
        self.encoder = Encoder(*encoder)
        self.line_head = LineHead(*line)
        self.sound = Sound(*sound)
        # Running statistics while training; constants of the file.
        self.standard = nn.BatchNorm1d(LATENTS, affine=False, momentum=0.01, eps=1e-5)

    def encode(self, features):
        """Features [B, T, 416] → standardised latents [B, T, 24]."""
        return self.standard(self.encoder(features).transpose(1, 2)).transpose(1, 2)


def swap(line_from, timbre_from):
    """Latents of one's line and another's timbre."""
    return torch.cat([line_from[..., :LINE], timbre_from[..., LINE:]], -1)
