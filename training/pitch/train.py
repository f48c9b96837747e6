"""Trains Continuo Pitch's network on what render.py rendered.

    python train.py --data work/data --run work/standard --setting standard [--steps 4000] [--start OTHER.pt]

Seeded, checkpointed (RUN/last.pt each 50 steps) and resumable: the same command goes on where it was interrupted.
"""

import pathlib

import numpy as np
import torch

import features
import loop
import network

FRAMES = 70  # of a training excerpt, after WARM frames that only fill the past
WARM = 20
BATCH = 16
TONES = 1 / 8  # of a batch
LOUD = 0.35  # of a batch: noise about as loud as the sound
HELD_BACK = 60  # the first clips are for validation


class Data:
    """All clips in memory: audio as int16, labels on the 2.5 ms grid."""

    def __init__(self, folder):
        paths = sorted(p for p in pathlib.Path(folder).glob("*.npz") if "partial" not in p.name)
        clips = [np.load(p) for p in paths]
        self.kinds = [str(c["kind"]) for c in clips]
        self.audio = np.stack([c["audio"] for c in clips])
        self.f0 = np.stack([c["f0"] for c in clips])
        self.level = np.stack([c["level"] for c in clips])
        self.onset = [c["onset"] for c in clips]

    def __len__(self):
        return len(self.audio)

    def excerpt(self, index, start, setting):
        """Audio and labels of the frames whose newest samples are start + hop·(1…): see features.py for `delay`."""
        frames = WARM + FRAMES
        audio = self.audio[index, start: start + frames * setting.hop].astype(np.float32) / 32768
        instants = start + setting.hop * np.arange(1, frames + 1) - setting.delay
        grid = np.clip(np.round(instants / 40).astype(int), 0, self.f0.shape[1] - 1)
        f0 = np.where(instants >= 0, self.f0[index, grid], 0)
        since = instants[:, None] / features.RATE - self.onset[index][None, :]
        onset = ((since >= 0) & (since < 0.02)).any(axis=1) if len(self.onset[index]) else np.zeros(frames, bool)
        # Near a change of voicing nobody can say, and no use should depend on it; nor where labels are unknown.
        around = np.clip(grid[:, None] + np.array([-6, 6]), 0, self.f0.shape[1] - 1)
        sure = ((self.f0[index][around] > 0).astype(int).sum(axis=1) != 1) & (self.f0[index, grid] >= 0)
        return audio, f0, onset & (f0 > 0), sure, self.level[index, grid]


def noise(generator, count, samples):
    """Noise [count, samples] of unit power with tilts of −9 to +6 dB an octave, some with a hump or only a band."""
    f = torch.fft.rfftfreq(samples, 1 / features.RATE).clamp(min=20)
    tilt = torch.rand(count, 1, generator=generator) * 2.5 - 1.5
    gain = f[None] ** tilt
    centre = 2 ** (torch.rand(count, 1, generator=generator) * 6.5 + 6)
    width = torch.rand(count, 1, generator=generator) * 1.2 + 0.2
    hump = torch.exp(-0.5 * (torch.log2(f[None] / centre) / width) ** 2)
    choice = torch.rand(count, 1, generator=generator)
    gain = torch.where(choice < 0.25, gain * (0.05 + hump), gain)
    phase = torch.randn(count, len(f), generator=generator) + 1j * torch.randn(count, len(f), generator=generator)
    x = torch.fft.irfft(phase * gain, n=samples)
    # Some noise comes and goes.
    slow = torch.nn.functional.interpolate(
        torch.randn(count, 1, 12, generator=generator), size=samples, mode="linear", align_corners=True)[:, 0]
    x = torch.where(torch.rand(count, 1, generator=generator) < 0.3, x * torch.exp(slow), x)
    return x / x.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-9)


def tone(rng, setting, samples, frames):
    """A tone of one partial, or little more: what instruments hardly make, whistles and synthesisers do. As Data.excerpt."""
    grid = np.arange(-400, samples + 1, 40)  # labels every 2.5 ms
    seconds = grid / features.RATE
    pitch = rng.uniform(np.log2(30), np.log2(2050)) + np.zeros(len(grid))
    kind = rng.random()
    if kind < 0.35:  # vibrato
        depth = 10 ** rng.uniform(-0.3, 0) * 0.08
        pitch = pitch + depth * np.sin(2 * np.pi * (rng.uniform(4, 8) * seconds + rng.random()))
    elif kind < 0.6:  # a glide
        pitch = pitch + rng.uniform(-1.5, 1.5) * (seconds - seconds[0])
    elif kind < 0.75:  # a step
        pitch = pitch + rng.integers(-12, 13) / 12 * (seconds > rng.uniform(0.1, 0.7) * seconds[-1])
    f0 = np.clip(2 ** pitch, 28, 2090)
    instants = np.arange(samples)
    phase = 2 * np.pi * np.cumsum(np.interp(instants, grid, f0)) / features.RATE
    audio = np.sin(phase)
    for partial, chance in ((2, 0.4), (3, 0.4), (4, 0.2)):
        if rng.random() < chance:
            weight = 10 ** (-rng.uniform(12, 50) / 20)
            audio = audio + weight * np.sin(partial * phase + rng.random() * 6) * (partial * f0.max() < 7800)
    amplitude = 0.3 * np.exp(0.5 * np.sin(2 * np.pi * rng.uniform(0.2, 2) * instants / features.RATE + rng.random() * 6))
    sounds = np.ones(len(grid), bool)
    onset = np.zeros(0)
    if rng.random() < 0.5:  # it begins, or ends, in the excerpt
        edge = int(rng.uniform(0.1, 0.9) * samples)
        if rng.random() < 0.6:
            amplitude = amplitude * np.clip((instants - edge) / (0.002 * features.RATE), 0, 1)
            sounds, onset = grid >= edge, np.array([edge / features.RATE])
        else:
            amplitude = amplitude * np.clip((edge - instants) / (0.005 * features.RATE), 0, 1)
            sounds = grid < edge
    ends = setting.hop * np.arange(1, frames + 1) - setting.delay
    place = np.clip(np.round((ends + 400) / 40).astype(int), 0, len(grid) - 1)
    around = np.clip(place[:, None] + np.array([-6, 6]), 0, len(grid) - 1)
    since = ends[:, None] / features.RATE - onset[None, :]
    begins = ((since >= 0) & (since < 0.02)).any(axis=1) if len(onset) else np.zeros(frames, bool)
    level = 20 * np.log10(np.maximum(amplitude[np.clip(ends, 0, samples - 1)] / np.sqrt(2), 1e-5))
    return ((audio * amplitude).astype(np.float32), np.where(sounds, f0, 0)[place], begins & sounds[place],
            sounds[around].sum(axis=1) != 1, level.astype(np.float32))


def batch(data, indices, step, setting):
    """A seeded training batch: excerpts with noise, bleeding, hum and a random level; one in eight a nearly pure tone."""
    rng = np.random.default_rng([step, 77])
    generator = torch.Generator().manual_seed(step)
    picks = rng.choice(indices, BATCH)
    last = data.audio.shape[1] - (WARM + FRAMES) * setting.hop
    parts = [data.excerpt(i, int(rng.integers(0, last)), setting) for i in picks]
    for row in range(BATCH):
        if rng.random() < TONES:
            made = tone(rng, setting, len(parts[row][0]), WARM + FRAMES)
            parts[row] = tuple(np.asarray(new).astype(old.dtype) for new, old in zip(made, parts[row]))
    audio, f0, onset, sure, level = (torch.tensor(np.stack(v)) for v in zip(*parts))
    samples = audio.shape[1]
    power = audio.square().mean(-1, keepdim=True).clamp(min=1e-8)
    # Bleeding: another clip, 12 to 40 dB down; unpitched ones may come closer.
    for row in range(BATCH):
        if rng.random() < 0.3:
            other = int(rng.choice(indices))
            start = int(rng.integers(0, last))
            bleed = torch.tensor(data.audio[other, start: start + samples].astype(np.float32) / 32768)
            down = rng.uniform(3, 30) if data.kinds[other] in ("unpitched", "drums") else rng.uniform(14, 40)
            scale = (power[row] / bleed.square().mean().clamp(min=1e-8)).sqrt() * 10 ** (-down / 20)
            audio[row] += scale.clamp(max=20) * bleed
    ratio = np.where(rng.random((BATCH, 1)) < LOUD, rng.uniform(-6, 6, (BATCH, 1)), rng.uniform(-6, 34, (BATCH, 1)))
    ratio = torch.tensor(ratio, dtype=torch.float32)
    clean = torch.tensor(rng.random((BATCH, 1)) < 0.15)
    amount = torch.where(clean, torch.tensor(0.0), (power * 10 ** (-ratio / 10)).sqrt())
    audio = audio + amount * noise(generator, BATCH, samples)
    hummed = torch.tensor(rng.random((BATCH, 1)) < 0.1)
    t = torch.arange(samples) / features.RATE
    hum = sum(torch.sin(2 * np.pi * float(rng.choice([50, 60])) * k * t) / k for k in (1, 2, 3, 5))
    audio = audio + torch.where(hummed, power.sqrt() * 10 ** torch.tensor(-rng.uniform(1.0, 2.0)).float() * hum, 0 * audio)
    gain = torch.tensor(10 ** (rng.uniform(-30, 6, (BATCH, 1)) / 20), dtype=torch.float32)
    audio = (audio * gain).clamp(-1, 1)
    # Dither of an ordinary converter, so that silence is never exact.
    audio = audio + torch.randn(audio.shape, generator=generator) * 10 ** float(rng.uniform(-6, -4.3))
    return audio, f0, onset, sure, level + 20 * torch.log10(gain)


def finely(logits, bins):
    """How far, in bins, the mean around the right bin, which network.decode takes around the highest, lies from the truth."""
    near = (bins.round().long()[:, None] + torch.arange(-4, 5, device=bins.device)).clamp(0, features.PITCH_BINS - 1)
    weight = torch.softmax(logits.gather(-1, near), dim=-1)
    return ((weight * near).sum(-1) - bins).abs().mean()


def losses(model, front, parts):
    device = next(model.parameters()).device
    audio, f0, onset, sure, level = (part.to(device) for part in parts)
    with torch.no_grad():
        x, db = front(audio)
        x = x.contiguous(memory_format=torch.channels_last)  # several times as fast on a CPU
    logits, heads, _ = model(x, db)
    logits, heads = logits[:, WARM:], heads[:, WARM:]
    f0, onset, sure, level = f0[:, WARM:], onset[:, WARM:], sure[:, WARM:], level[:, WARM:]
    voiced = f0 > 0
    bins = features.BINS_PER_OCTAVE * torch.log2(f0.clamp(min=20) / features.LOWEST)
    target = torch.exp(-0.5 * ((torch.arange(features.PITCH_BINS, device=device) - bins[..., None]) / 0.85) ** 2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    cross = -(target * torch.log_softmax(logits, dim=-1)).sum(-1)
    pitch = cross[voiced].mean() if voiced.any() else logits.sum() * 0
    fine = finely(logits[voiced], bins[voiced]) if voiced.any() else logits.sum() * 0
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    voicing = bce(heads[..., 0][sure], voiced[sure].float())
    # Onsets are known only where the clip says so; drums and voices without onsets teach silence of this head.
    onsets = bce(heads[..., 1], onset.float(), pos_weight=torch.tensor(4.0, device=device))
    loud = (heads[..., 2] - level.clamp(min=-80) / 20)[voiced].abs().mean() if voiced.any() else logits.sum() * 0
    return pitch, voicing, onsets, loud, fine, (logits, heads, f0, sure)


def validate(model, front, data, indices, setting):
    """Raw pitch accuracy at 50 and 25 cents, voicing error, on noise of 20, 5 and 0 dB as the seed has it."""
    right, close, total, wrong, judged, octaves = 0, 0, 0, 0, 0, 0
    model.eval()
    for k in range(8):
        with torch.no_grad():
            *_, (logits, heads, f0, sure) = losses(model, front, batch(data, indices, 10_000_000 + k, setting))
        voiced = f0 > 0
        cents = 1200 * torch.log2(network.decode(logits) / f0.clamp(min=20))
        right += (cents[voiced].abs() < 50).sum().item()
        close += (cents[voiced].abs() < 25).sum().item()
        octaves += (((cents[voiced].abs() - 1200).abs() < 50)).sum().item()
        total += voiced.sum().item()
        wrong += ((heads[..., 0] > 0) != voiced)[sure].sum().item()
        judged += sure.sum().item()
    model.train()
    return dict(rpa=right / total, rpa25=close / total, octave=octaves / total, voicing_error=wrong / judged)


def main():
    parser = loop.arguments(__doc__, steps=12000, threads=2)
    parser.add_argument("--setting", choices=features.SETTINGS, default="standard")
    parser.add_argument("--expansion", type=int, default=network.EXPANSION, help="channels between a block's pointwise layers")
    options = parser.parse_args()
    torch.manual_seed(1)
    setting = features.SETTINGS[options.setting]
    data = Data(options.data)
    print(f"{len(data)} clips")
    training, held = np.arange(HELD_BACK, len(data)), np.arange(HELD_BACK)
    front = features.Features(setting).to(options.device)
    loop.run(options, network.Network(options.expansion),
             losses=lambda model, step: losses(model, front, batch(data, training, step, setting))[:5],
             weights=(1, 1, 0.3, 0.3, 0.3),
             validate=lambda model: validate(model, front, data, held, setting), every=200, setting=setting.name)


if __name__ == "__main__":
    main()
