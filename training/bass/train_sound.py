"""Stage 2 of the autoencoder: its sound, by regression on measured harmonics and noise. The rest is frozen.

    python train_sound.py --sounds work/sounds --autoencoder work/autoencoder/last.pt --run work/sound [--steps 4000]

Half of the passages are decoded with the timbre channels of the other passage by the same sound. Seeded, checkpointed,
resumable; takes a GPU where there is one.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import autoencoder
from autoencoder import CONTROL_STEPS
from train_generator import Average, load_autoencoder, rate_share, save

import losses
import network

NOISE, NOISE_WEIGHT = 0.1, 1.5
# A bass is dark: what it lacks above a few kilohertz must be lacking here too, or a faint hiss follows every note.
losses.FLOOR = -4.75


class Passages:
    """Passages of a kind with their latents. harmonics and noise are relative to unit loudness."""

    def __init__(self, folder, kind, coder, limit=None):
        paths = sorted(pathlib.Path(folder).glob(f"{kind}-*.npz"))[:limit]
        keep = {name: [] for name in ("pitch", "loudness", "harmonics", "noise", "sounds", "latents")}
        self.choices = []
        for path in paths:
            with np.load(path) as item:
                for name in list(keep)[:-1]:
                    keep[name].append(torch.from_numpy(item[name]))
                with torch.no_grad():
                    keep["latents"].append(coder.encode(torch.from_numpy(item["features"]).float()))
                self.choices.append(str(item["choice"]))
        self.__dict__.update({k: torch.stack(v) for k, v in keep.items()})
        omega = torch.from_numpy(network.noise_loudness()).float()
        number = torch.arange(1, network.HARMONICS + 1)
        for i in range(len(self.pitch)):
            power = (0.5 * network.k_power(network.hertz(self.pitch[i])[..., None] * number) * 10 ** (2 * self.harmonics[i].float())).sum(-1)
            power += (omega * 10 ** (2 * self.noise[i].float())).sum(-1)
            shift = 0.5 * torch.log10(power.clamp(min=1e-18))[..., None]
            self.harmonics[i] = (self.harmonics[i].float() - shift).half()
            self.noise[i] = (self.noise[i].float() - shift).half()

    def __len__(self):
        return len(self.pitch)


def loss(model, data, items, lines, starts, frames, swapped, rng=None, device="cpu"):
    """(harmonic dB, noise distance) of crops: `frames` latent frames of items' lines from starts."""
    coarse = torch.from_numpy(starts)[:, None] + torch.arange(frames)
    fine = torch.from_numpy(starts)[:, None] * CONTROL_STEPS + torch.arange(frames * CONTROL_STEPS)
    rows, line = torch.from_numpy(items)[:, None], torch.from_numpy(lines)[:, None]
    latents = data.latents[rows, line, coarse]
    other = data.latents[rows, 1 - line, coarse]
    latents = torch.where(torch.from_numpy(swapped)[:, None, None], autoencoder.swap(latents, other), latents).to(device)
    pitch, loudness = data.pitch[rows, line, fine].to(device), data.loudness[rows, line, fine].to(device)
    if rng is not None:
        latents = latents + NOISE * torch.randn_like(latents)
        loudness = loudness + torch.from_numpy(rng.normal(0, 2, (len(items), 1))).float().to(device)
    logs, _ = model(pitch, loudness, latents)
    return losses.regression(model.decoder, logs, pitch, data.harmonics[rows, line, fine].float().to(device),
                             data.noise[rows, line, fine].float().to(device), data.sounds[rows, line, fine].to(device))


@torch.no_grad()
def validate(model, data, swapped, device):
    sums = []
    frames = data.latents.shape[2]
    for i in range(len(data)):
        for line in (0, 1):
            h, n = loss(model, data, np.array([i]), np.array([line]), np.array([0]), frames, np.array([swapped]), device=device)
            sums.append((h.item(), n.item()))
    return np.mean(sums, 0).round(3).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=pathlib.Path, required=True)
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    coder = load_autoencoder(arguments.autoencoder)
    sizes = coder.sizes["sound"]
    model = autoencoder.Sound(*sizes).to(device)
    with torch.no_grad():  # begin near a plausible spectrum
        model.decoder.head.bias[:network.HARMONICS] = -1.5 * torch.log10(torch.arange(1, network.HARMONICS + 1).float())
        model.decoder.head.bias[network.HARMONICS:] = -5
    optimizer = torch.optim.Adam(model.parameters(), lr=arguments.rate, betas=(0.9, 0.98))
    average, step, spent = Average(model, 0.998), 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True, map_location=device)
        model.load_state_dict(kept["raw"])
        optimizer.load_state_dict(kept["optimizer"])
        average.values, average.count, step, spent = kept["sound"], kept["step"], kept["step"], kept["seconds"]
    train = Passages(arguments.sounds, "train", coder)
    tests = {kind: Passages(arguments.sounds, kind, coder) for kind in ("test", "font", "timbre") if list(arguments.sounds.glob(f"{kind}-*.npz"))}
    begun, sums = time.time() - spent, []
    while step < arguments.steps:
        rng = np.random.default_rng([arguments.seed, step])
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate_share(step, arguments.steps)
        # Some long crops, so that the state learns to run on.
        frames, count = (arguments.frames, arguments.batch) if step % 4 else (4 * arguments.frames, arguments.batch // 4)
        h, n = loss(model, train, rng.integers(len(train), size=count), rng.integers(2, size=count),
                    rng.integers(train.latents.shape[2] - frames, size=count), frames, rng.random(count) < 0.5, rng, device)
        optimizer.zero_grad()
        (h + NOISE_WEIGHT * n).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 3)
        optimizer.step()
        average.update(model)
        step += 1
        sums.append((h.item(), n.item()))
        if step % 250 == 0 or step == arguments.steps:
            kept = autoencoder.Sound(*sizes).to(device)
            kept.load_state_dict(average.values)
            line = dict(step=step, seconds=round(time.time() - begun), items=len(train), train=np.mean(sums, 0).round(3).tolist())
            if step % 500 == 0 or step == arguments.steps:
                line |= {k: validate(kept, t, False, device) for k, t in tests.items()}
                line |= {k + "-swap": validate(kept, t, True, device) for k, t in tests.items()}
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
            save(last, sound=average.values, raw=model.state_dict(), optimizer=optimizer.state_dict(), step=step,
                 seconds=time.time() - begun, sizes=list(sizes))


if __name__ == "__main__":
    main()
