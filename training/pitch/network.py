"""Continuo Pitch's network: harmonically stacked spectra and correlations in, pitch, voicing, onset and loudness out."""

import torch
from torch import nn

import features

WIDTH = 32
EXPANSION = 48  # channels between a block's pointwise layers
DILATIONS = (1, 3, 6)
STATE = 32
STRIDE = 3  # pitch bins that share a position
POSITIONS = features.PITCH_BINS // STRIDE


class Block(nn.Module):
    """A residual block: depthwise convolution (3 frames, causal, by 7 positions), then two pointwise ones."""

    def __init__(self, dilation, expansion):
        super().__init__()
        self.past = 2 * dilation
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, (3, 7), padding=(0, 3), dilation=(dilation, 1), groups=WIDTH, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.widen = nn.Conv2d(WIDTH, expansion, 1)
        self.narrow = nn.Conv2d(expansion, WIDTH, 1)

    def forward(self, x):
        y = self.depthwise(nn.functional.pad(x, (0, 0, self.past, 0)))
        return x + self.narrow(torch.relu(self.widen(self.norm(y))))


class Network(nn.Module):
    def __init__(self, expansion=EXPANSION):
        super().__init__()
        self.stem = nn.Conv2d(features.CHANNELS, WIDTH, (1, 5), stride=(1, STRIDE), padding=(0, 1), bias=False)
        self.stem_norm = nn.BatchNorm2d(WIDTH)
        self.blocks = nn.ModuleList(Block(d, expansion) for d in DILATIONS)
        self.pitch = nn.Conv2d(WIDTH, STRIDE, (1, 3), padding=(0, 1))
        self.salience = nn.Conv2d(WIDTH, 8, 1)
        self.recurrent = nn.GRU(2 * 8 + 3, STATE, batch_first=True)
        self.heads = nn.Linear(STATE + 2 * 8 + 3, 3)

    def forward(self, x, level, state=None):
        """x [B, CHANNELS, T, PITCH_BINS], level [B, T, 2] → pitch logits [B, T, PITCH_BINS], heads [B, T, 3], state.

        Heads: voicing logit, onset logit, loudness of the pitched sound alone in dB / 20.
        """
        h = torch.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            h = block(h)
        h = torch.relu(h)
        logits = self.pitch(h).permute(0, 2, 3, 1).flatten(2)  # bin = position · STRIDE + channel
        s = self.salience(h)
        sharpness = (logits.amax(-1) - logits.mean(-1))[..., None] / 10
        pooled = torch.cat([s.amax(-1).transpose(1, 2), s.mean(-1).transpose(1, 2), sharpness, level], dim=-1)
        r, state = self.recurrent(pooled, state)
        heads = self.heads(torch.cat([r, pooled], dim=-1))
        return logits, heads, state


def decode(logits, lowest=0, highest=features.PITCH_BINS):
    """Hz per frame: the mean of the bins within 4 of the peak, weighted by their softmax."""
    p = torch.softmax(logits, dim=-1)
    p = p.clone()
    p[..., :lowest] = 0
    p[..., highest:] = 0
    peak = p.argmax(-1, keepdim=True)
    around = peak + torch.arange(-4, 5, device=peak.device)
    near = around.clamp(0, features.PITCH_BINS - 1)
    inside = (around == near).float()
    w = p.gather(-1, near) * inside
    bins = (w * near).sum(-1) / (w.sum(-1) + 1e-12)
    return features.LOWEST * 2 ** (bins / features.BINS_PER_OCTAVE)
