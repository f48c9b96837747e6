"""The front end of Continuo Pitch's network, in torch. `models/README.md` specifies it for other implementations.

All times are in samples at 16 kHz. A frame's estimate is made when its newest sample has come in, and speaks of the
instant `delay` samples before that.
"""

import dataclasses

import numpy as np
import torch

RATE = 16000
FFT = 2048
LOWEST = 27.5  # Hz, bin 0
BINS_PER_OCTAVE = 36
PITCH_BINS = 228  # 27.5 to 2176 Hz
SPECTRUM_BINS = 296  # 27.5 to 8042 Hz
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7)  # of the long window's spectrum
SHORT_HARMONICS = (1, 2, 3)  # of the short window's spectrum
CHANNELS = len(HARMONICS) + len(SHORT_HARMONICS) + 2
FLOOR = 1e-10  # added to power


@dataclasses.dataclass(frozen=True)
class Setting:
    """Window lengths (rise into the past, fall to the newest sample), correlated stretch, delay and hop, in samples.

    The delay is shorter than the windows' centres: the network has learned to say where the pitch is going.
    """

    name: str
    long: tuple
    short: tuple
    stretch: int
    delay: int
    hop: int


STANDARD = Setting("standard", long=(1088, 128), short=(320, 80), stretch=448, delay=320, hop=160)
QUICK = Setting("quick", long=(416, 48), short=(160, 32), stretch=176, delay=96, hop=80)
SETTINGS = {s.name: s for s in (STANDARD, QUICK)}


def window(rise, fall):
    """sin² rising over `rise` samples, cos² falling over `fall`; scaled so that a sinusoid of amplitude 1 peaks at 1."""
    up = np.sin(np.pi / 2 * (np.arange(rise) + 0.5) / rise) ** 2
    down = np.cos(np.pi / 2 * (np.arange(fall) + 0.5) / fall) ** 2
    w = np.concatenate([up, down])
    return w / (w.sum() / 2)


def bin_frequency(index):
    return LOWEST * 2 ** (np.asarray(index, dtype=np.float64) / BINS_PER_OCTAVE)


def filter_bank():
    """[SPECTRUM_BINS, FFT/2+1]: triangles in power, centred on each bin, half as wide as two bins or two FFT lines."""
    lines = np.arange(FFT // 2 + 1) * RATE / FFT
    bank = np.zeros((SPECTRUM_BINS, len(lines)))
    for b in range(SPECTRUM_BINS):
        centre = bin_frequency(b)
        half = max(bin_frequency(b + 1) - centre, RATE / FFT)
        weights = np.maximum(0, 1 - np.abs(lines - centre) / half)
        bank[b] = weights / weights.sum()
    return bank


def lag_weights():
    """Per pitch bin: first lag [PITCH_BINS] and four cubic (Catmull-Rom) weights [PITCH_BINS, 4] of the correlation."""
    lag = RATE / bin_frequency(np.arange(PITCH_BINS))
    whole = np.floor(lag)
    t = lag - whole
    weights = np.stack([(-t**3 + 2 * t**2 - t) / 2, (3 * t**3 - 5 * t**2 + 2) / 2,
                        (-3 * t**3 + 4 * t**2 + t) / 2, (t**3 - t**2) / 2], axis=1)
    return whole.astype(np.int64) - 1, weights


def harmonic_shifts(harmonics):
    return [int(round(BINS_PER_OCTAVE * np.log2(h))) for h in harmonics]


class Features(torch.nn.Module):
    """Audio [batch, samples] → features [batch, CHANNELS, frames, PITCH_BINS] and levels [batch, frames, 2] (dB / 20)."""

    def __init__(self, setting):
        super().__init__()
        self.setting = setting
        self.register_buffer("long", torch.tensor(window(*setting.long), dtype=torch.float32))
        self.register_buffer("short", torch.tensor(window(*setting.short), dtype=torch.float32))
        self.register_buffer("bank", torch.tensor(filter_bank().T, dtype=torch.float32).contiguous())
        first, weights = lag_weights()
        self.register_buffer("lags", torch.tensor(first[:, None] + np.arange(4)))
        self.register_buffer("lag_weights", torch.tensor(weights, dtype=torch.float32))

    def spectrum(self, frames, shape):
        power = torch.fft.rfft(frames[..., -len(shape):] * shape, n=FFT).abs().square()
        db = 10 * torch.log10(power @ self.bank + FLOOR)
        return db

    @staticmethod
    def stack(levels, harmonics):
        """[B, T, SPECTRUM_BINS] → [B, harmonics, T, PITCH_BINS]; what lies outside the spectrum is 0."""
        low = BINS_PER_OCTAVE
        high = PITCH_BINS + max(harmonic_shifts(harmonics)) - SPECTRUM_BINS
        padded = torch.nn.functional.pad(levels, (low, max(high, 0)))
        return torch.stack([padded[..., low + s: low + s + PITCH_BINS] for s in harmonic_shifts(harmonics)], dim=1)

    def correlation(self, frames):
        """Normalised cross-correlation of the newest stretch with itself `lag` earlier, on the pitch bins."""
        m = self.setting.stretch
        x = frames - frames.mean(dim=-1, keepdim=True)
        recent = x[..., -m:]
        spectrum = torch.fft.rfft(x)
        other = torch.fft.rfft(torch.nn.functional.pad(recent, (FFT - m, 0)))
        longest = int(self.lags.max()) + 1
        r = torch.fft.irfft(other * spectrum.conj(), n=FFT)[..., :longest]  # r[lag] = Σ recent[i] · x[i − lag]
        cumulative = torch.nn.functional.pad(x.square().cumsum(-1), (1, 0))
        ends = FFT - torch.arange(longest, device=x.device)
        energy = cumulative[..., ends] - cumulative[..., ends - m]
        r = r / torch.sqrt(energy * energy[..., :1] + 1e-6 * m / 400)
        return (r[..., self.lags] * self.lag_weights).sum(-1)

    def forward(self, audio):
        hop = self.setting.hop
        frames = torch.nn.functional.pad(audio, (FFT - hop, 0)).unfold(-1, FFT, hop)
        long, short = self.spectrum(frames, self.long), self.spectrum(frames, self.short)

        def relative(db):
            return (db - db.mean(dim=-1, keepdim=True)) / 20

        correlation = self.correlation(frames)
        # The correlation at half the lag tells a period from two of them.
        half = torch.nn.functional.pad(correlation, (0, BINS_PER_OCTAVE))[..., BINS_PER_OCTAVE:]
        features = torch.cat([
            self.stack(relative(long), HARMONICS), self.stack(relative(short), SHORT_HARMONICS),
            correlation[:, None], half[:, None]], dim=1)
        newest = self.setting.short[0] + self.setting.short[1]
        level = [10 * torch.log10(frames[..., -n:].square().mean(-1) + FLOOR) for n in (FFT, newest)]
        return features, torch.stack(level, dim=-1) / 20
