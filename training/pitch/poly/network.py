"""The polyphonic network: harmonically stacked spectra in; onset, note, level and contour of every semitone out."""

import torch
from torch import nn

import frontend

WIDTH = 32
EXPANSION = 64
DILATIONS = (1, 2, 4, 8, 1)  # of the blocks, in frames
HARMONIC = (True, False, True, False, True)  # the blocks that also look an octave, a twelfth and two octaves up and down
HEADS = 6  # onset, note, level in 20 dB, three contour bins a semitone
STRIDE = 3  # bins a semitone


class Block(nn.Module):
    """A residual block: depthwise convolution (3 frames, causal, by 5 semitones, and harmonics), then two pointwise ones."""

    def __init__(self, dilation, harmonic):
        super().__init__()
        self.past = 2 * dilation
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, (3, 5), padding=(0, 2), dilation=(dilation, 1), groups=WIDTH, bias=False)
        self.octaves = self.twelfths = None
        if harmonic:
            self.octaves = nn.Conv2d(WIDTH, WIDTH, (1, 5), padding=(0, 24), dilation=(1, 12), groups=WIDTH, bias=False)
            self.twelfths = nn.Conv2d(WIDTH, WIDTH, (1, 3), padding=(0, 19), dilation=(1, 19), groups=WIDTH, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.widen = nn.Conv2d(WIDTH, EXPANSION, 1)
        self.narrow = nn.Conv2d(EXPANSION, WIDTH, 1)

    def forward(self, x):
        y = self.depthwise(nn.functional.pad(x, (0, 0, self.past, 0)))
        if self.octaves is not None:
            y = y + self.octaves(x) + self.twelfths(x)
        return x + self.narrow(torch.relu(self.widen(self.norm(y))))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(frontend.CHANNELS, WIDTH, (1, 5), stride=(1, STRIDE), padding=(0, 1), bias=False)
        self.stem_norm = nn.BatchNorm2d(WIDTH)
        self.loud = nn.Linear(3, WIDTH, bias=False)
        self.blocks = nn.ModuleList(Block(d, h) for d, h in zip(DILATIONS, HARMONIC))
        self.heads = nn.Conv2d(WIDTH, HEADS, (1, 3), padding=(0, 1))
        with torch.no_grad():
            self.heads.bias[:] = torch.tensor([-5.0, -3.0, -2.0, -4.0, -4.0, -4.0])

    def forward(self, x, level):
        """x [B, CHANNELS, T, PITCH_BINS], level [B, T, 3] → heads [B, HEADS, T, POSITIONS]: onset logit, note logit,
        level of the note alone in 20 dB, contour logits of its three bins (bin = 3 · position + i)."""
        h = self.stem_norm(self.stem(x)) + self.loud(level + 2).transpose(1, 2)[..., None]
        h = torch.relu(h)
        for block in self.blocks:
            h = block(h)
        return self.heads(torch.relu(h))
