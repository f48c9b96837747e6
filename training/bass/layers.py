"""Layers that the autoencoder and the generator share. Sequences are [batch, time, channels]."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Depthwise convolution over time (7 taps, zeros beyond the ends), layer norm, dense to thrice the width, GELU
    (tanh form), dense back; added to the input."""

    def __init__(self, width, taps=7, expansion=3):
        super().__init__()
        self.depth = nn.Conv1d(width, width, taps, padding=taps // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(self, x):
        y = self.norm(self.depth(x.transpose(1, 2)).transpose(1, 2))
        return x + self.down(F.gelu(self.up(y), approximate="tanh"))


class Stack(nn.Module):
    """Dense to the width, blocks, layer norm."""

    def __init__(self, inputs, width, blocks):
        super().__init__()
        self.enter = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        x = self.enter(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def moving_mean(x, weight, reach):
    """Mean of x [B, T, C] over the frames within ± reach, weighted by weight [B, T, 1] > 0."""
    def sums(y):
        total = torch.cumsum(F.pad(y.double(), (0, 0, reach + 1, reach)), 1)
        return (total[:, 2 * reach + 1:] - total[:, : -2 * reach - 1]).to(y.dtype)
    return sums(x * weight) / sums(weight)
