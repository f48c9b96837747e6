"""Stage 1 of the autoencoder: encoder and line head, taught by lines (exact MIDI) and by the features themselves.

    python train_autoencoder.py --data work/songs --run work/autoencoder [--steps 2000]

A batch holds two lines of each song by two sounds: each is decoded from its own latents, and from its own line channels with
the other's timbre channels, which must give the same line by the other sound. Seeded, checkpointed, resumable; takes a GPU
where there is one.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F

import autoencoder
import dataset
import decoding
from autoencoder import LINE, NONE

NOISE = 0.12  # of the standardised latents


def batch(songs, rng, count, frames, device):
    """Features [4, B, T, 416] and line targets of renders: line 0 by sounds 0 and 1, line 1 by sounds 0 and 1."""
    groups = [[], [], [], []]
    for _ in range(count):
        song = songs[int(rng.integers(len(songs)))]
        lines = rng.permutation(song.lines)[:2]
        tones = rng.permutation(song.sounds)
        semitones = int(rng.integers(-3, 4))
        if song.lowest() + semitones < autoencoder.LOWEST_NOTE:
            semitones = 0
        gain = float(rng.normal(0, 3))
        banks = song.banks
        starts = [int(rng.integers(0, max(1, song.frames - frames))) for _ in lines]
        for i, (line, first) in enumerate(zip(lines, starts)):
            for j, tone in enumerate(tones):
                render = line * song.sounds + tone
                values = np.asarray(banks[song.render(line, tone), first: first + frames])
                item = dataset.line_targets(song, line, render, first, frames, semitones, gain)
                item["features"] = dataset.features(values, semitones, gain)
                groups[2 * i + j].append(item)
    stacked = [dataset.stack(g) for g in groups]
    return {k: torch.stack([s[k] for s in stacked]).to(device) for k in stacked[0]}


def line_loss(output, target):
    """Losses of the line head's outputs against targets: pitch, cents, onset, loudness."""
    logits, cents, onset, loudness = output
    pitch = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target["note"].reshape(-1))
    heard = target["heard"]
    off = (F.smooth_l1_loss(cents, target["cents"], reduction="none", beta=0.05) * heard).sum() / heard.sum().clamp(min=1)
    weight = torch.where(target["onset"] > 0, 6.0, 1.0)
    beginning = F.binary_cross_entropy_with_logits(onset, target["onset"], weight=weight)
    # What is below −75 dB may be anything as low.
    level = F.smooth_l1_loss(loudness.clamp(min=-75), target["loudness"].clamp(min=-75), beta=1.0)
    return pitch, off, beginning, level


WEIGHTS = (1.0, 2.0, 1.0, 0.04)


def losses(model, teacher, b, random=True):
    """Total and parts: of what is decoded from a render's own latents (recon) and from swapped ones (swap)."""
    kinds, count, frames, _ = b["features"].shape
    # Line 0 by sound 0 and line 1 by sound 1 are encoded; the other two are what swapping must give.
    encoded = model.encode(b["features"][[0, 3]].reshape(2 * count, frames, -1))
    if random:
        encoded = encoded + NOISE * torch.randn_like(encoded)
    first, second = encoded[:count], encoded[count:]
    latents = torch.cat([first, autoencoder.swap(first, second), autoencoder.swap(second, first), second])
    target = {k: v.reshape(kinds * count, *v.shape[2:]) for k, v in b.items()}
    parts = line_loss(model.line_head(latents), target)
    spectrum = F.smooth_l1_loss(teacher(latents), target["features"], beta=0.1)
    total = sum(w * p for w, p in zip(WEIGHTS, parts)) + 4 * spectrum
    return total, [*parts, spectrum]


@torch.no_grad()
def validate(model, songs, device, limit=12, swapped=False):
    """RPA, onset F1 and the loudness's error over whole songs."""
    model.eval()
    scores = []
    for song in songs[:limit]:
        for line in range(min(song.lines, 2)):
            tone = line % song.sounds
            f = torch.from_numpy(dataset.features(np.asarray(song.banks[song.render(line, tone)])))[None].to(device)
            latents = model.encode(f)
            if swapped:
                other = torch.from_numpy(dataset.features(np.asarray(song.banks[song.render(1 - line, 1 - tone)])))[None].to(device)
                latents = autoencoder.swap(latents, model.encode(other))
                tone = 1 - tone
            render = line * song.sounds + tone
            truth = dataset.line_targets(song, line, render, 0, song.frames)
            found = decoding.decode(*[x[0].cpu().numpy() for x in model.line_head(latents)])
            scores.append(decoding.score(found, truth, song.pitch[line], song.onsets[line]))
    model.train()
    return {k: float(np.nanmean([s[k] for s in scores])) for k in scores[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1 if not torch.cuda.is_available() else torch.get_num_threads())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    model = autoencoder.Autoencoder().to(device)
    teacher = autoencoder.FeatureDecoder().to(device)
    parameters = [p for n, p in model.named_parameters() if not n.startswith("sound.")] + list(teacher.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent = 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True, map_location=device)
        model.load_state_dict(kept["model"])
        teacher.load_state_dict(kept["teacher"])
        optimizer.load_state_dict(kept["optimizer"])
        step, spent = kept["step"], kept["seconds"]
    songs, tests = dataset.songs(arguments.data, "train"), {k: dataset.songs(arguments.data, k, 12) for k in ("test", "font", "timbre")}
    begun, sums = time.time() - spent, []
    while step < arguments.steps:
        rng = np.random.default_rng([arguments.seed, step])
        share = step / arguments.steps
        for group in optimizer.param_groups:
            group["lr"] = float(arguments.rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * (0.5 + 0.5 * np.cos(np.pi * share))))
        total, parts = losses(model, teacher, batch(songs, rng, arguments.batch, arguments.frames, device))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        sums.append([total.item()] + [p.item() for p in parts])
        if step % 100 == 0:
            songs = dataset.songs(arguments.data, "train") if step % 200 == 0 else songs  # more may have been made
            line = dict(step=step, seconds=round(time.time() - begun), songs=len(songs), train=np.mean(sums, 0).round(4).tolist())
            if step % 400 == 0 or step == arguments.steps:
                line |= {k: validate(model, s, device, 5) for k, s in tests.items() if s}
                line["swap"] = validate(model, tests["test"], device, 5, True)
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
            torch.save(dict(model=model.state_dict(), teacher=teacher.state_dict(), optimizer=optimizer.state_dict(), step=step,
                            seconds=time.time() - begun, sizes=model.sizes), last.with_suffix(".partial"))
            last.with_suffix(".partial").rename(last)


if __name__ == "__main__":
    main()
