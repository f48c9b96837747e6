"""A baseline: the generator's own network, taught to give the latents themselves in one evaluation.

    python train_regressor.py --data work/songs --autoencoder work/autoencoder/last.pt --generator work/generator/last.pt \
        --run work/regressor [--steps 1500]

It begins from the trained generator (whose mix encoder hears already) and minimises the squared error, so that it tends to the
mean of all lines that fit: what is lost against the flow is what being generative is worth. Its answer is minus the velocity at
z = 0, t = 1, d = 0, w = 1. Seeded, checkpointed, resumable.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import dataset
import generator
from autoencoder import LATENTS
from train_generator import Average, batch, conditions_of, load_autoencoder, rate_share, save


def regressed(model, listened):
    """Latents [B, T, 24] for what is listened to."""
    count, frames, _ = listened.shape
    one = listened.new_ones(count)
    return -model(listened.new_zeros(count, frames, LATENTS), one, 0 * one, one, listened)


def regression_loss(model, b, latents, rng):
    conditions = model.hear_chords(conditions_of(b, rng, latents))
    error = (regressed(model, model.listen(conditions)).float() - latents) ** 2
    open_ = 1 - 0.9 * conditions.mask
    return (error * open_).sum() / (open_.sum() * LATENTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "autoencoder", "generator", "run"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--frames", type=int, default=192)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    arguments.run.mkdir(parents=True, exist_ok=True)
    coder = load_autoencoder(arguments.autoencoder, device)
    begin = torch.load(arguments.generator, weights_only=True, map_location=device)
    model = generator.Generator(**begin["sizes"]).to(device)
    model.load_state_dict(begin["model"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, betas=(0.9, 0.98))
    average, step = Average(model, 0.995), 0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True, map_location=device)
        model.load_state_dict(kept["raw"])
        optimizer.load_state_dict(kept["optimizer"])
        average.values, average.count, step = kept["model"], kept["step"], kept["step"]
    half = torch.cpu._is_avx512_bf16_supported() if device == "cpu" else True
    songs, begun, errors = dataset.songs(arguments.data, "train"), time.time(), []
    while step < arguments.steps:
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate_share(step, arguments.steps)
        b = batch(songs, [arguments.seed, step, 4], arguments.batch, arguments.frames, device)
        with torch.no_grad():
            latents = coder.encode(b["bass"])
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = regression_loss(model, b, latents, np.random.default_rng([arguments.seed, step, 5]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model)
        step += 1
        errors.append(loss.item())
        if step % 100 == 0 or step == arguments.steps:
            line = dict(step=step, seconds=round(time.time() - begun), songs=len(songs), train=round(float(np.mean(errors)), 4))
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            errors = []
            save(last, model=average.values, raw=model.state_dict(), optimizer=optimizer.state_dict(), step=step,
                 sizes=model.sizes)


if __name__ == "__main__":
    main()
