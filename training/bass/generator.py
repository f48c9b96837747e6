"""The generator: a mix's features (and beats, chords, a known part of the line, where given) to the latents of a bass.

A rectified flow: z_t = (1 − t) z + t ε, and the network gives v = ε − z. It also takes the size d of the step that is to be
made from t, and the guidance w that its answer shall contain: d = 0 and w = 1 is the flow itself, others are learned by
distillation (distil.py).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import frontend
import layers
from autoencoder import LATENTS

BEAT, CHORD = 7, 25  # sin and cos of the phases of beat, bar and half beat, known; root, tones, known
AUXILIARY = 13 + 12 + 4  # chord's root or none, chroma, sin and cos of beat and bar


class Conditions(NamedTuple):
    """What the generator listens to, [B, T, …]; zeros where unknown."""
    mix: torch.Tensor  # [.., 416] scaled features
    mix_known: torch.Tensor  # [.., 1] 0 or 1
    beat: torch.Tensor  # [.., 7]
    chords: torch.Tensor  # [.., 25]
    kept: torch.Tensor  # [.., 24] latents to go on from
    mask: torch.Tensor  # [.., 1] 1 where they are kept

    def map(self, change):
        return Conditions(*(change(x) for x in self))

    def without(self):
        """Nothing but what is kept: the unconditional side of guidance."""
        zero = torch.zeros_like
        return Conditions(zero(self.mix), zero(self.mix_known), zero(self.beat), zero(self.chords), self.kept, self.mask)


class MixEncoder(nn.Module):
    """Features [B, T, 416] → what is heard in them [B, T, W]."""

    def __init__(self, width=96, blocks=4):
        super().__init__()
        self.trunk = layers.Stack(frontend.FEATURES, width, blocks)
        self.auxiliary = nn.Linear(width, AUXILIARY)

    def forward(self, features):
        return self.trunk(features)


EVIDENCE = 0.2  # what a frame's logits weigh against the costs of changing the chord, chosen on the songs looked at in training
NEW_BEAT, NEW_BAR, ANYWHERE = 2.0, 1.0, 1.0  # costs of a change: with a beat, with a bar, where beats are not known


def change_costs(beat):
    """[B, T] what a change of chord costs at each frame, and [B, T] where a bar begins, of beat features [B, T, 7].

    A beat begins where its phase passes 0: its sine is negative before and not any more. Inside a beat no chord changes."""
    def begins(sine):
        return np.concatenate([np.zeros_like(sine[:, :1], bool), (sine[:, :-1] < 0) & (sine[:, 1:] >= 0)], 1)
    known = beat[..., 6] > 0
    bar = known & begins(beat[..., 2])
    costs = np.where(known, np.where(bar, NEW_BAR, np.where(begins(beat[..., 0]), NEW_BEAT, np.inf)), ANYWHERE)
    costs[:, 1:][known[:, 1:] != known[:, :-1]] = ANYWHERE
    return costs, bar


def heard_chords(answer, beat):
    """[B, T, 25] chords as a condition, from the mix encoder's auxiliary answer [B, T, 29] and beat features [B, T, 7] (zeros where
    unknown): the likeliest succession of roots (or none: nothing is known there), found by Viterbi's algorithm with the costs above;
    of the tones those whose mean logit is positive as long as the root and the bar stay."""
    logits = answer.detach().double().cpu().numpy()
    costs, bar = change_costs(beat.detach().cpu().numpy())
    batch, frames = logits.shape[:2]
    best, back = EVIDENCE * logits[:, 0, :13], np.zeros((frames, batch, 13), np.int64)
    for i in range(1, frames):
        changed = best.max(1, keepdims=True) - costs[:, i, None]
        back[i] = np.where(best >= changed, np.arange(13), best.argmax(1)[:, None])
        best = np.maximum(best, changed) + EVIDENCE * logits[:, i, :13]
    roots = np.empty((batch, frames), np.int64)
    roots[:, -1] = best.argmax(1)
    for i in range(frames - 1, 0, -1):
        roots[:, i - 1] = back[i][np.arange(batch), roots[:, i]]
    out = np.zeros((batch, frames, CHORD))
    for row, root, begins, tones in zip(out, roots, bar, logits[..., 13:25]):
        cuts = np.flatnonzero(np.concatenate([[True], (root[1:] != root[:-1]) | begins[1:], [True]]))
        for first, end in zip(cuts[:-1], cuts[1:]):
            if root[first] < 12:
                row[first:end, root[first]] = 1
                row[first:end, 12:24] = tones[first:end].sum(0) > 0
                row[first:end, 24] = 1
    return torch.from_numpy(out).to(answer)


def waves(x, count=16):
    """Fourier features of numbers x [B]: sin and cos of x · 2^(i / 3), i = 0 … count − 1: [B, 2 count], sines first."""
    angle = x[:, None] * 2 ** (torch.arange(count, dtype=x.dtype, device=x.device) / 3)
    return torch.cat([torch.sin(angle), torch.cos(angle)], -1)


def rotary(frames, size, device=None, dtype=torch.float32):
    """cos and sin [T, size / 2] of the rotary positions 0 … T − 1."""
    frequency = 10000 ** (-torch.arange(0, size, 2, dtype=dtype, device=device) / size)
    angle = torch.arange(frames, dtype=dtype, device=device)[:, None] * frequency
    return torch.cos(angle), torch.sin(angle)


def rotate(x, cos, sin):
    """x [B, H, T, size]: the first half of a head's numbers are the real parts, the second the imaginary ones."""
    real, imaginary = x.chunk(2, -1)
    return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)


class TransformerBlock(nn.Module):
    """Self attention and feed-forward, each behind a layer norm without weights of its own: scale, shift and gate of both
    come from the step's embedding."""

    def __init__(self, width, head):
        super().__init__()
        self.heads = width // head
        self.modulate = nn.Linear(width, 6 * width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 3 * width)
        self.down = nn.Linear(3 * width, width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x, step, turns):
        batch, frames, width = x.shape
        scale, shift, gate, scale2, shift2, gate2 = self.modulate(step)[:, None].chunk(6, -1)
        h = F.layer_norm(x, (width,)) * (1 + scale) + shift
        q, k, v = self.qkv(h).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(rotate(q, *turns), rotate(k, *turns), v)
        x = x + gate * self.out(h.transpose(1, 2).reshape(batch, frames, width))
        h = F.layer_norm(x, (width,)) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(h), approximate="tanh"))


class Generator(nn.Module):
    """width D, blocks L, numbers of a head, and the mix encoder's width and blocks."""

    def __init__(self, width=128, blocks=6, head=32, mix_width=96, mix_blocks=4):
        super().__init__()
        self.sizes = dict(width=width, blocks=blocks, head=head, mix_width=mix_width, mix_blocks=mix_blocks)
        self.head_size = head
        self.mix_encoder = MixEncoder(mix_width, mix_blocks)
        self.enter_latents = nn.Linear(LATENTS, width)
        self.enter_conditions = nn.Linear(mix_width + 1 + BEAT + CHORD + LATENTS + 1, width)
        self.step_up = nn.Linear(96, width)
        self.step_down = nn.Linear(width, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, head) for _ in range(blocks))
        self.last_modulate = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, LATENTS)
        for layer in (self.last_modulate, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def hear_chords(self, conditions, heard=None):
        """The conditions with the chords that the mix encoder hears, where none are known and the mix is."""
        heard = self.mix_encoder(conditions.mix) if heard is None else heard
        own = heard_chords(self.mix_encoder.auxiliary(heard), conditions.beat) * conditions.mix_known
        return conditions._replace(chords=torch.where(conditions.chords[..., 24:] > 0, conditions.chords, own))

    def listen(self, conditions, heard=None):
        """What does not change from step to step [B, T, D]. heard: the mix encoder's output where it is at hand."""
        heard = self.mix_encoder(conditions.mix) if heard is None else heard
        known = conditions.mix_known
        return self.enter_conditions(torch.cat([heard * known, known, conditions.beat, conditions.chords,
                                                conditions.kept * conditions.mask, conditions.mask], -1))

    def step_embedding(self, t, d, w):
        """[B, D] of time 0 … 1, step size 0 … 1 and guidance."""
        x = torch.cat([waves(t), waves(d), waves(w / 4)], -1)
        return F.silu(self.step_down(F.silu(self.step_up(x))))

    def forward(self, z, t, d, w, listened):
        """Velocity [B, T, 24] at z [B, T, 24], t, d, w [B]; listened: `listen`'s answer."""
        step = self.step_embedding(t, d, w)
        x = self.enter_latents(z) + listened
        turns = rotary(x.shape[1], self.head_size, x.device, x.dtype)
        for block in self.blocks:
            x = block(x, step, turns)
        scale, shift = self.last_modulate(step)[:, None].chunk(2, -1)
        return self.leave(F.layer_norm(x, (x.shape[-1],)) * (1 + scale) + shift)


def beat_features(beats, bar, times):
    """[N, 7] float32 at the times (s): beats [B + 1] times of beats and the end, bar [B] the bar of each beat."""
    beats, bar = np.asarray(beats, np.float64), np.asarray(bar)
    at = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(bar) - 1)
    beat = (times - beats[at]) / (beats[at + 1] - beats[at])
    first = np.searchsorted(bar, bar[at], side="left")
    # The last bar may be cut short: as long as the first then.
    count = np.maximum(np.searchsorted(bar, bar[at], side="right") - first, np.sum(bar == bar[0]))
    phases = np.stack([beat, (at - first + beat) / count, 2 * beat], -1) * 2 * math.pi
    out = np.stack([np.sin(phases), np.cos(phases)], -1).reshape(len(times), 6)
    return np.concatenate([out, np.ones((len(times), 1))], 1).astype(np.float32)


def chord_features(beats, roots, tones, times):
    """[N, 25] float32 at the times: the chord of the beat that sounds."""
    at = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(roots) - 1)
    out = np.zeros((len(times), CHORD), np.float32)
    out[np.arange(len(times)), np.asarray(roots)[at] % 12] = 1
    out[:, 12:24] = (np.asarray(tones)[at][:, None] >> np.arange(12)) & 1
    out[:, 24] = 1
    return out
