"""The comparison to the sound decoder: from latents straight to a spectrum with phases, and by the inverse Fourier transform to
sound, as Vocos does it (Siuzdak 2023), without an adversary."""

import torch
from torch import nn

import layers
from autoencoder import LATENTS, STEPS

RATE, HOP, SIZE = 48000, 384, 1536  # 8 ms: six a latent frame
LINES = SIZE // 2 + 1


class SpectralDecoder(nn.Module):
    """Latents [B, T, 24] → sound [B, 2304 T] at 48 kHz."""

    def __init__(self, width=96, blocks=2, fine=96, fine_blocks=3):
        super().__init__()
        self.sizes = dict(width=width, blocks=blocks, fine=fine, fine_blocks=fine_blocks)
        self.trunk = layers.Stack(LATENTS, width, blocks)
        self.spread = nn.Linear(width, STEPS * fine)
        self.fine = nn.ModuleList(layers.Block(fine) for _ in range(fine_blocks))
        self.norm = nn.LayerNorm(fine)
        self.head = nn.Linear(fine, 2 * LINES)
        with torch.no_grad():  # a bass's spectrum falls
            self.head.bias[:LINES] = -2 - 0.6 * torch.log(1 + torch.arange(LINES))
        self.register_buffer("window", torch.hann_window(SIZE), persistent=False)

    def forward(self, latents):
        h = self.spread(self.trunk(latents))
        h = h.reshape(h.shape[0], h.shape[1] * STEPS, -1)
        for block in self.fine:
            h = block(h)
        log, angle = self.head(self.norm(h)).transpose(1, 2).chunk(2, 1)
        spectrum = torch.polar(torch.exp(log.clamp(max=6)), angle)
        frames = torch.fft.irfft(spectrum, dim=1) * self.window[:, None]  # [B, SIZE, 6 T]
        count = frames.shape[2]
        length = (count - 1) * HOP + SIZE

        def overlapped(x):
            return nn.functional.fold(x, (1, length), (1, SIZE), stride=(1, HOP))[:, 0, 0]
        total = overlapped(frames) / overlapped((self.window**2)[None, :, None].expand(1, SIZE, count)).clamp(min=1e-3)
        first = SIZE // 2 - HOP // 2  # frame i is centred in the middle of its 8 ms
        return total[:, first: first + count * HOP]
