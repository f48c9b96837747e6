"""Stage 2: the decoder, trained by regression, is refined by the spectral distance of its sound.

    python refine.py --data work/data --run work/refined --start work/decoder/last.pt --steps 2000

Regression stays as a smaller part of the loss. Seeded, checkpointed (RUN/last.pt) and resumable.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import losses
import network
import synthesis
import train
from dataset import Phrases
from instruments import NAMES

BATCH, FRAMES, HEARD = 8, 448, 100  # of each crop a stretch of HEARD frames is synthesised
HARMONIC_REGRESSION, NOISE_REGRESSION = 0.05, 0.02


def excerpts(data, crops, first, frames):
    out = []
    for phrase, frame in crops:
        a = (frame + first) * network.HOP
        out.append(torch.from_numpy(data.audio[phrase][a: a + (frames - 1) * network.HOP].astype(np.float32) / 32767))
    return torch.stack(out).to(data.device)


def distance(decoder, data, crops, random, seed):
    rows, instrument = data.gather(crops, FRAMES)
    logs, (h, n) = train.forward(decoder, data, rows, instrument)
    # Onsets, what follows them, and what follows after several notes with the state carried on.
    first = int(random.choice([0, random.integers(0, 150), random.integers(0, FRAMES - HEARD)]))
    span = slice(first, first + HEARD)
    pitch, loudness = data.pitch[rows[:, span]], data.loudness[rows[:, span]]
    amplitudes, densities = decoder.impose(logs[:, span], pitch, loudness)
    made = synthesis.sound(data.f0[rows[:, span]], loudness, amplitudes, densities, torch.Generator().manual_seed(seed))
    made = made + (torch.rand(made.shape, device=made.device) - 0.5) / 32767  # the recording has 16 bits
    wanted = excerpts(data, crops, first, HEARD)
    # All crops count alike, whatever their level: as if each had been played back at a common one.
    level = wanted.square().mean(1, keepdim=True).sqrt().clamp(min=1e-3)
    return losses.spectral(made / level * 0.05, wanted / level * 0.05), h, n


@torch.no_grad()
def validate(decoder, data):
    random = np.random.default_rng(9)
    crops = [data.crops(random, BATCH, FRAMES) for _ in range(16)]
    return np.mean([[x.item() for x in distance(decoder, data, c, random, i)] for i, c in enumerate(crops)], 0).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--start", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    device = train.device()
    start = torch.load(arguments.start, weights_only=True, map_location=device)
    decoder = network.Decoder(start["width"], start["state"], len(NAMES)).to(device)
    decoder.load_state_dict(start["decoder"])
    optimizer = train.Optimizer(decoder, arguments.rate)
    average, step, spent = train.Average(decoder, 0.995), 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True, map_location=device)
        decoder.load_state_dict(kept["raw"])
        optimizer.load_state_dict(kept["optimizer"])
        average.values, average.count = kept["decoder"], kept["step"]
        step, spent = kept["step"], kept["seconds"]
    if step >= arguments.steps:
        return
    data, test = (Phrases(arguments.data, kind, audio=True, device=device) for kind in ("train", "test"))
    begun, sums = time.time() - spent, []
    if step == 0:
        print(0, np.round(validate(decoder, test), 3), flush=True)
    while step < arguments.steps:
        random = np.random.default_rng([arguments.seed, step])
        d, h, n = distance(decoder, data, data.crops(random, BATCH, FRAMES), random, step)
        loss = d + HARMONIC_REGRESSION * h + NOISE_REGRESSION * n
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 3)
        optimizer.step((step + 1) / arguments.steps, 50 / arguments.steps, 0.02)
        average.update(decoder)
        step += 1
        sums.append((d.item(), h.item(), n.item()))
        if step % 200 == 0 or step == arguments.steps:
            kept = network.Decoder(start["width"], start["state"], len(NAMES)).to(device)
            kept.load_state_dict(average.values)
            line = dict(step=step, seconds=round(time.time() - begun), train=np.mean(sums, 0).tolist(),
                        test=validate(kept, test))
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(step, line["seconds"], np.round(line["train"], 3), np.round(line["test"], 3), flush=True)
            sums = []
        if step % 50 == 0 or step == arguments.steps:
            train.save(last, decoder, decoder=average.values, raw=decoder.state_dict(), optimizer=optimizer.state_dict(),
                       step=step, seconds=time.time() - begun)


if __name__ == "__main__":
    main()
