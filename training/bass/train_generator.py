"""The generator: a rectified flow over the latents of a frozen autoencoder.

    python train_generator.py --data work/songs --autoencoder work/autoencoder/last.pt --run work/generator [--steps 6000]

Seeded, checkpointed (RUN/last.pt, with averaged weights) and resumable: the same command goes on where it was interrupted,
with the songs that are there by then. Takes a GPU where there is one; on processors with bfloat16 it computes in that.
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
import generator
import metrics
import sampling
from autoencoder import LATENTS

DROP_MIX, DROP_BEAT, DROP_ALL = 0.1, 0.4, 0.1
DROP_CHORDS, HEAR_CHORDS = 0.7, 0.6  # chords are the chart's, or else perhaps what the mix encoder hears
AUXILIARY_WEIGHT = 0.25


def load_autoencoder(path, device="cpu"):
    """The frozen autoencoder of a checkpoint."""
    kept = torch.load(path, weights_only=True, map_location=device)
    model = autoencoder.Autoencoder(**kept["sizes"]).to(device)
    model.load_state_dict(kept["model"])
    return model.eval().requires_grad_(False)


def conditions_of(b, rng, latents):
    """Conditions with parts left out at random, and in half of the examples a part of the line kept."""
    count, frames = latents.shape[:2]
    device = latents.device

    def known(drop):
        return torch.from_numpy((rng.random((count, 1, 1)) >= drop).astype(np.float32)).to(device)
    everything = known(DROP_ALL)
    mask = np.zeros((count, frames, 1), np.float32)
    for i in range(count):
        if rng.random() < 0.5:
            continue
        kind = rng.random()
        if kind < 0.4:  # the beginning is there: go on
            mask[i, : int(rng.integers(8, frames * 2 // 3))] = 1
        else:  # a gap to fill
            mask[i] = 1
            for _ in range(int(rng.integers(1, 3))):
                length = int(rng.integers(frames // 8, frames * 3 // 4))
                first = int(rng.integers(0, frames - length))
                mask[i, first: first + length] = 0
    mask = torch.from_numpy(mask).to(device)
    mix = known(DROP_MIX) * everything
    return generator.Conditions(b["mix"], mix.expand(-1, frames, -1), b["beat"] * known(DROP_BEAT) * everything,
                                b["chords"] * known(DROP_CHORDS) * everything, latents * mask, mask)


def auxiliary_loss(answer, b):
    """Root, tones and phases that the mix encoder says against the chart's."""
    root = F.cross_entropy(answer[..., :13].reshape(-1, 13), b["root"].reshape(-1))
    tones = F.binary_cross_entropy_with_logits(answer[..., 13:25], b["tones"])
    phases = (((answer[..., 25:] - b["phases"]) ** 2).mean(-1) * b["inside"]).mean()
    return root + 2 * tones + phases


def flow_loss(model, b, latents, rng, noise_generator=None):
    """(flow, auxiliary) losses of a batch; what is kept of the line is not scored."""
    conditions = conditions_of(b, rng, latents)
    heard = model.mix_encoder(conditions.mix)
    with torch.no_grad():
        own = torch.from_numpy(rng.random((len(latents), 1, 1)) < HEAR_CHORDS).to(latents.device)
        filled = model.hear_chords(conditions, heard)
        conditions = conditions._replace(chords=torch.where(own, filled.chords.float(), conditions.chords))
    listened = model.listen(conditions, heard)
    count = len(latents)
    t = torch.sigmoid(torch.from_numpy(rng.normal(0.2, 1.1, count)).float()).to(latents.device)
    noise = torch.from_numpy(rng.standard_normal(latents.shape, dtype=np.float32)).to(latents.device)
    z = (1 - t)[:, None, None] * latents + t[:, None, None] * noise
    velocity = model(z, t, torch.zeros_like(t), torch.ones_like(t), listened)
    open_ = 1 - 0.9 * conditions.mask
    flow = ((velocity.float() - (noise - latents)) ** 2 * open_).sum() / (open_.sum() * LATENTS)
    return flow, auxiliary_loss(model.mix_encoder.auxiliary(heard).float(), b)


def batch(songs, seed, count, frames, device, random=True):
    rng = np.random.default_rng(seed)
    return {k: v.to(device) for k, v in dataset.stack(
        [dataset.generator_crop(songs[int(rng.integers(len(songs)))], rng, frames, random) for _ in range(count)]).items()}


@torch.no_grad()
def generate(model, coder, songs, steps=8, guidance=2.0, frames=256, beats=True, chords=False, seed=5, first=20, shuffle=False, distilled=False):
    """Lines for the songs' mixes: per song (first step, pitch per step, notes)."""
    crops = [dataset.generator_crop(s, np.random.default_rng(0), min(frames, s.frames - first), False, 0, 0, first) for s in songs]
    found = []
    for i, (song, crop) in enumerate(zip(songs, crops)):
        other = crops[(i + 1) % len(crops)] if shuffle else crop
        length = min(len(crop["mix"]), len(other["mix"]))
        c = sampling.unconditional(length)._replace(mix=torch.from_numpy(other["mix"][None, :length]), mix_known=torch.ones(1, length, 1))
        if beats:
            c = c._replace(beat=torch.from_numpy(other["beat"][None, :length]))
        if chords:
            c = c._replace(chords=torch.from_numpy(other["chords"][None, :length]))
        c = model.hear_chords(c)
        noise = torch.randn(1, length, LATENTS, generator=torch.Generator().manual_seed(seed * 1000 + i))
        z = sampling.sample(model, c, noise, steps, guidance, distilled=distilled)
        pitch, _, notes = decoding.decode(*[x[0].numpy() for x in coder.line_head(z)])
        found.append((first * autoencoder.STEPS, pitch, notes))
    return found


@torch.no_grad()
def validate(model, coder, songs, device, frames):
    b = batch(songs, 7, 24, frames, device)
    flow, auxiliary = flow_loss(model, b, coder.encode(b["bass"]), np.random.default_rng(8))
    heard = model.mix_encoder.auxiliary(model.mix_encoder(b["mix"]))
    inside = b["inside"]
    root = (heard[..., :12].argmax(-1) == b["root"])[inside].float().mean()
    return dict(flow=round(flow.item(), 4), auxiliary=round(auxiliary.item(), 4), root=round(root.item(), 4),
                beat=round((((heard[..., 25:27] - b["phases"][..., :2]) ** 2).mean(-1))[inside].mean().item(), 4),
                bar=round((((heard[..., 27:] - b["phases"][..., 2:]) ** 2).mean(-1))[inside].mean().item(), 4))


def grow(model, values):
    """Takes over the weights of a model with no more blocks; the blocks beyond begin as identities."""
    own = model.state_dict()
    for name in own:
        if name in values:
            own[name] = values[name]
        elif name.endswith(("down.weight", "down.bias", "modulate.weight", "modulate.bias")):
            own[name] = torch.zeros_like(own[name])
    model.load_state_dict(own)


class Average:
    """Exponentially averaged weights."""

    def __init__(self, model, decay=0.999):
        self.decay, self.count = decay, 0
        self.values = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model):
        self.count += 1
        decay = min(self.decay, self.count / (self.count + 10))
        for name, value in model.state_dict().items():
            self.values[name].lerp_(value, 1 - decay)


def rate_share(step, steps):
    """Warm-up, constant, and down over the last third."""
    return min(1, (step + 1) / 150, max(0.02, (steps - step) / (steps / 3)))


def save(path, **what):
    torch.save(what, path.with_suffix(".partial"))
    path.with_suffix(".partial").rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--frames", type=int, default=192)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--mix-blocks", type=int, default=6)
    parser.add_argument("--begin", type=pathlib.Path, help="a checkpoint of as wide a model, with no more blocks, to begin from")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    coder = load_autoencoder(arguments.autoencoder, device)
    sizes = dict(width=arguments.width, blocks=arguments.blocks, mix_blocks=arguments.mix_blocks)
    model, kept_model = generator.Generator(**sizes).to(device), generator.Generator(**sizes).to(device)
    if arguments.begin:
        grow(model, torch.load(arguments.begin, weights_only=True, map_location=device)["model"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.02)
    average, step, spent = Average(model), 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True, map_location=device)
        model.load_state_dict(kept["raw"])
        optimizer.load_state_dict(kept["optimizer"])
        average.values, average.count = kept["model"], kept["step"]
        step, spent = kept["step"], kept["seconds"]
    half = torch.cpu._is_avx512_bf16_supported() if device == "cpu" else True
    songs, tests = dataset.songs(arguments.data, "train"), dataset.songs(arguments.data, "test", dataset.LOOKED_AT)
    begun, sums = time.time() - spent, []
    while step < arguments.steps:
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate_share(step, arguments.steps)
        b = batch(songs, [arguments.seed, step], arguments.batch, arguments.frames, device)
        with torch.no_grad():
            latents = coder.encode(b["bass"])
        with torch.autocast(device, torch.bfloat16, enabled=half):
            flow, auxiliary = flow_loss(model, b, latents, np.random.default_rng([arguments.seed, step, 1]))
        optimizer.zero_grad()
        (flow + AUXILIARY_WEIGHT * auxiliary).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model)
        step += 1
        sums.append((flow.item(), auxiliary.item()))
        if step % 100 == 0 or step == arguments.steps:
            line = dict(step=step, seconds=round(time.time() - begun), songs=len(songs), train=np.mean(sums, 0).round(4).tolist())
            if step % 500 == 0 or step == arguments.steps:
                kept_model.load_state_dict(average.values)
                line["test"] = validate(kept_model, coder, tests, device, arguments.frames)
            if (step % 2000 == 0 or step == arguments.steps) and device == "cpu":
                line["lines"] = {k: round(v, 3) for k, v in metrics.rates([metrics.harmony(s, pitch, first) for s, (first, pitch, _) in zip(
                    tests, generate(kept_model, coder, tests))]).items()}
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
            save(last, model=average.values, raw=model.state_dict(), optimizer=optimizer.state_dict(), step=step,
                 seconds=time.time() - begun, sizes=model.sizes)


if __name__ == "__main__":
    main()
