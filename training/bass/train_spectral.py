"""Trains the comparison decoder of spectral_decoder.py on the same sounds as the sound decoder, by the distance that both are
judged by.

    python train_spectral.py --sounds work/sounds --autoencoder work/autoencoder/last.pt --run work/spectral [--steps 2000]
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import autoencoder
import spectral_decoder
from spectral_decoder import HOP
from train_generator import Average, load_autoencoder, rate_share, save

import losses

FRAME = autoencoder.STEPS * HOP  # samples of a latent frame
NOISE = 0.1


def load(path):
    kept = torch.load(path, weights_only=True)
    model = spectral_decoder.SpectralDecoder(**kept["sizes"])
    model.load_state_dict(kept["model"])
    return model.eval()


def passages(folder, coder):
    """Latents [2, F, 24] and sound [2, samples] of the training sounds that keep their sound."""
    out = []
    for path in sorted(pathlib.Path(folder).glob("train-*.npz")):
        with np.load(path) as item:
            if "audio" in item:
                with torch.no_grad():
                    out.append((coder.encode(torch.from_numpy(item["features"]).float()), torch.from_numpy(item["audio"])))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sounds", "autoencoder", "run"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=14)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    arguments.run.mkdir(parents=True, exist_ok=True)
    items = passages(arguments.sounds, load_autoencoder(arguments.autoencoder))
    model = spectral_decoder.SpectralDecoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, betas=(0.8, 0.98))
    average, step, spent = Average(model, 0.998), 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["raw"])
        optimizer.load_state_dict(kept["optimizer"])
        average.values, average.count, step, spent = kept["model"], kept["step"], kept["step"], kept["seconds"]
    begun, sums = time.time() - spent, []
    while step < arguments.steps:
        rng = np.random.default_rng([3, step])
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate_share(step, arguments.steps)
        latents, sounds = [], []
        for _ in range(arguments.batch):
            z, audio = items[int(rng.integers(len(items)))]
            line, first = int(rng.integers(2)), int(rng.integers(z.shape[1] - arguments.frames))
            latents.append(z[line, first: first + arguments.frames])
            sounds.append(audio[line, first * FRAME: (first + arguments.frames) * FRAME].float() / 32767)
        z = torch.stack(latents)
        loss = losses.spectral(model(z + NOISE * torch.randn_like(z)), torch.stack(sounds))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        average.update(model)
        step += 1
        sums.append(loss.item())
        if step % 100 == 0 or step == arguments.steps:
            line = dict(step=step, seconds=round(time.time() - begun), items=len(items), train=round(float(np.mean(sums)), 3))
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
            save(last, model=average.values, raw=model.state_dict(), optimizer=optimizer.state_dict(), step=step,
                 seconds=time.time() - begun, sizes=model.sizes)


if __name__ == "__main__":
    main()
