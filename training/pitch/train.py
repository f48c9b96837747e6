"""Trains Continuo Pitch's network on what render.py rendered.

    python train.py --data work/data --run work/standard --setting standard [--steps 4000] [--start OTHER.pt]

Seeded, checkpointed (RUN/last.pt each 50 steps) and resumable: the same command goes on where it was interrupted.
"""

import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch

import features
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
        # Near a change of voicing nobody can say, and no use should depend on it.
        around = np.clip(grid[:, None] + np.array([-6, 6]), 0, self.f0.shape[1] - 1)
        sure = (self.f0[index][around] > 0).astype(int).sum(axis=1) != 1
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


def losses(model, front, parts):
    audio, f0, onset, sure, level = parts
    with torch.no_grad():
        x, db = front(audio)
        x = x.contiguous(memory_format=torch.channels_last)  # several times as fast on a CPU
    logits, heads, _ = model(x, db)
    logits, heads = logits[:, WARM:], heads[:, WARM:]
    f0, onset, sure, level = f0[:, WARM:], onset[:, WARM:], sure[:, WARM:], level[:, WARM:]
    voiced = f0 > 0
    bins = features.BINS_PER_OCTAVE * torch.log2(f0.clamp(min=20) / features.LOWEST)
    target = torch.exp(-0.5 * ((torch.arange(features.PITCH_BINS) - bins[..., None]) / 0.85) ** 2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    cross = -(target * torch.log_softmax(logits, dim=-1)).sum(-1)
    pitch = cross[voiced].mean() if voiced.any() else logits.sum() * 0
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    voicing = bce(heads[..., 0][sure], voiced[sure].float())
    # Onsets are known only where the clip says so; drums and voices without onsets teach silence of this head.
    onsets = bce(heads[..., 1], onset.float(), pos_weight=torch.tensor(4.0))
    loud = (heads[..., 2] - level.clamp(min=-80) / 20)[voiced].abs().mean() if voiced.any() else logits.sum() * 0
    return pitch, voicing, onsets, loud, (logits, heads, f0, sure)


def validate(model, front, data, indices, setting):
    """Raw pitch accuracy at 50 cents, voicing error, on noise of 20, 5 and 0 dB as the seed has it."""
    right, total, wrong, judged, octaves = 0, 0, 0, 0, 0
    model.eval()
    for k in range(8):
        with torch.no_grad():
            *_, (logits, heads, f0, sure) = losses(model, front, batch(data, indices, 10_000_000 + k, setting))
        voiced = f0 > 0
        cents = 1200 * torch.log2(network.decode(logits) / f0.clamp(min=20))
        right += (cents[voiced].abs() < 50).sum().item()
        octaves += (((cents[voiced].abs() - 1200).abs() < 50)).sum().item()
        total += voiced.sum().item()
        wrong += ((heads[..., 0] > 0) != voiced)[sure].sum().item()
        judged += sure.sum().item()
    model.train()
    return dict(rpa=right / total, octave=octaves / total, voicing_error=wrong / judged)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--setting", choices=features.SETTINGS, default="standard")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, help="end, with the rate run down, after so long at the latest")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--start", help="weights to start from, such as the other setting's")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    arguments.run.mkdir(parents=True, exist_ok=True)
    setting = features.SETTINGS[arguments.setting]
    data = Data(arguments.data)
    training, held = np.arange(HELD_BACK, len(data)), np.arange(HELD_BACK)
    front = features.Features(setting)
    model = network.Network().to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01, betas=(0.9, 0.98))
    step, progress, last = 0, 0.0, arguments.run / "last.pt"
    if last.exists():
        saved = torch.load(last)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, progress = saved["step"], saved.get("progress", saved["step"] / arguments.steps)
    elif arguments.start:
        saved = torch.load(arguments.start)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
    print(f"{len(data)} clips, {sum(p.numel() for p in model.parameters())} parameters, step {step}", flush=True)
    recent, began = [], time.time()
    log = open(arguments.run / "log.jsonl", "a")

    def save():
        partial = last.with_suffix(".partial")
        torch.save(dict(model=model.state_dict(), average=average.state_dict(), optimiser=optimiser.state_dict(),
                        step=step, progress=progress, setting=setting.name), partial)
        os.replace(partial, last)

    start, clock = progress, time.time()
    while progress < 1:
        rate = float(arguments.rate * min(1, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 2e-5)
        for group in optimiser.param_groups:
            group["lr"] = rate
        pitch, voicing, onset, loud, _ = losses(model, front, batch(data, training, step, setting))
        loss = pitch + voicing + 0.3 * onset + 0.3 * loud
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        average.update_parameters(model)
        recent.append([v.item() for v in (pitch, voicing, onset, loud)])
        step += 1
        progress += 1 / arguments.steps
        if arguments.minutes:
            progress = max(progress, start + (1 - start) * (time.time() - clock) / 60 / arguments.minutes)
        if step % 50 == 0:
            save()
            line = dict(step=step, seconds=round(time.time() - began), rate=round(rate, 6),
                        losses=[round(v, 4) for v in np.mean(recent, axis=0)])
            if step % 200 == 0:
                line["held"] = {k: round(v, 4) for k, v in
                                validate(average.module, front, data, held, setting).items()}
            recent = []
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
    save()


if __name__ == "__main__":
    main()
