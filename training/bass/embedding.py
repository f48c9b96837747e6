"""What the Fréchet distance of basses is measured in: a small network that tells basses, pitches and densities apart by a second of
sound.

    python embedding.py --data work/songs --output work/embedding.pt [--steps 1500]

It learns from the training songs' basses as they were rendered; no output of any decoder is among them. 32 numbers a second.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import dataset
import frontend
import layers
from autoencoder import STEPS

FRAMES = 21  # of 48 ms: a second
NUMBERS = 32


class Embedding(nn.Module):
    """Features [B, 21, 416] → [B, 32]; and, to learn by, the bass, the time that each pitch class sounds, onsets, level."""

    def __init__(self, basses, width=64, blocks=2):
        super().__init__()
        self.trunk = layers.Stack(frontend.FEATURES, width, blocks)
        self.gather = nn.Linear(2 * width, NUMBERS)
        self.bass = nn.Linear(NUMBERS, basses)
        self.line = nn.Linear(NUMBERS, 12 + 2)

    def forward(self, features):
        h = self.trunk(features)
        return self.gather(torch.cat([h.mean(1), h.std(1, correction=0)], -1))


def name(sound):
    return sound if isinstance(sound, str) else f"{sound[0]} {sound[1]}"


def example(song, rng, names):
    line, sound = int(rng.integers(song.lines)), int(rng.integers(song.sounds))
    first = int(rng.integers(song.frames - FRAMES))
    render = song.render(line, sound)
    target = dataset.line_targets(song, line, line * song.sounds + sound, first, FRAMES)
    heard = target["heard"]
    classes = np.bincount((target["note"][heard] + 23) % 12, minlength=12) / (FRAMES * STEPS)
    return dict(features=dataset.features(np.asarray(song.banks[render, first: first + FRAMES])),
                bass=np.int64(names.index(name(song.info["sounds"][sound]))),
                line=np.append(classes, [np.sum(target["onset"] > 0.6) / 4, target["loudness"].mean() / 20 + 2]).astype(np.float32))


def load(path):
    kept = torch.load(path, weights_only=True)
    model = Embedding(len(kept["names"]))
    model.load_state_dict(kept["model"])
    return model.eval().requires_grad_(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=48)
    arguments = parser.parse_args()
    if arguments.output.exists():
        return
    torch.set_num_threads(1)
    torch.manual_seed(1)
    songs = dataset.songs(arguments.data, "train", 1500)
    names = sorted({name(s) for song in songs for s in song.info["sounds"]})
    model = Embedding(len(names))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    right = []
    for step in range(arguments.steps):
        rng = np.random.default_rng([9, step])
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 100, (arguments.steps - step) / (arguments.steps / 3))
        b = dataset.stack([example(songs[int(rng.integers(len(songs)))], rng, names) for _ in range(arguments.batch)])
        values = model(b["features"])
        answer = model.bass(values)
        loss = F.cross_entropy(answer, b["bass"]) + 10 * F.mse_loss(model.line(values), b["line"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right.append((answer.argmax(1) == b["bass"]).float().mean().item())
        if (step + 1) % 250 == 0:
            print(json.dumps(dict(step=step + 1, loss=round(loss.item(), 3), basses_told=round(float(np.mean(right[-250:])), 3), of=len(names))), flush=True)
    torch.save(dict(model=model.state_dict(), names=names), arguments.output)


if __name__ == "__main__":
    main()
