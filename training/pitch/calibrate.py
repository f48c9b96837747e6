"""Fits a trained network's voicing anew for what it is used for: a frame is to be called voiced if its pitch is right.

    python calibrate.py RUN/last.pt --data work/data      writes RUN/voicing.npz, which export.py puts in the place of the voicing's row

The training asks whether something is pitched, in noise mostly; in much noise the pitch is then often wrong, and what is told as voiced
had better be left out. All else stays as it is: the row of `heads` that gives the voicing is found by logistic regression on the
recurrent state and the pooled values of training clips, clean and in noise at 20, 10 and 0 dB; voiced frames with a wrong pitch do not
count, since they are errors either way. What it does for overall accuracy is printed for the clips that train.py holds back.
"""

import argparse
import pathlib
import sys

import numpy as np
import torch

import evaluate
import features
import train

sys.path.insert(0, str(pathlib.Path(__file__).parent / "../peers"))
import bench  # noqa: E402

SECONDS = 5  # of each clip
RATIOS = [ratio for _, ratio in bench.CONDITIONS]


def frames(front, model, clip, ratio, seed, pink):
    """What the voicing is read from [T, 51], whether the pitch is within 50 cents, whether there is one, and whether that is sure."""
    setting = front.setting
    audio = clip["audio"][: SECONDS * features.RATE].astype(np.float32) / 32768
    if ratio is not None and not pink:
        power = np.sqrt(np.mean(audio**2))
        noise = train.noise(torch.Generator().manual_seed(seed), 1, len(audio))[0].numpy()
        audio = audio + noise * power * 10 ** (-ratio / 20)
    elif ratio is not None:
        audio = bench.mixed(audio, ratio, 1000 + seed)
    read = []
    hook = model.heads.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0][0]))
    f0, *_ = evaluate.estimate(front, model, audio)
    hook.remove()
    instants = setting.hop * np.arange(1, len(f0) + 1) - setting.delay
    grid = np.clip(np.round(instants / 40).astype(int), 0, len(clip["f0"]) - 1)
    truth = np.where(instants >= 0, clip["f0"][grid], 0)
    around = np.clip(grid[:, None] + np.array([-6, 6]), 0, len(clip["f0"]) - 1)
    sure = ((clip["f0"][around] > 0).astype(int).sum(axis=1) != 1) & (truth >= 0)
    near = np.abs(12 * np.log2(np.maximum(f0, 1) / np.maximum(truth, 1))) < 0.5
    return read[0].numpy(), near, truth > 0, sure


def collect(front, model, clips, ratio, pink):
    parts = [frames(front, model, c, ratio, i, pink(i)) for i, c in enumerate(clips)]
    return [np.concatenate(v) for v in zip(*parts)]


def fit(row, bias, x, target, weight):
    """Logistic regression that begins at, and is held near, the row that was trained."""
    x, target, weight = (torch.tensor(v, dtype=torch.float32) for v in (x, target, weight))
    scale = x.std(0) + 1e-3
    move = torch.zeros(len(row) + 1, requires_grad=True)
    base = x @ row + bias
    optimiser = torch.optim.LBFGS([move], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        logit = base + (x / scale) @ move[:-1] + move[-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, weight=weight) + 1e-3 * move.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return row + (move[:-1] / scale).detach(), bias + move[-1].detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--every", type=int, default=5, help="of the training clips, each how manieth")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    front, model = evaluate.load(arguments.checkpoint)
    paths = sorted(arguments.data.glob("*.npz"))
    held = [np.load(p) for p in paths[: train.HELD_BACK]]
    taught = [np.load(p) for p in paths[train.HELD_BACK:: arguments.every]]
    row, bias = model.heads.weight[0].detach().clone(), model.heads.bias[0].detach().clone()
    x, target, weight = [], [], []
    for ratio in RATIOS:
        read, near, voiced, sure = collect(front, model, taught, ratio, lambda i: i % 2 == 0)
        counts = sure & (near | ~voiced)
        x.append(read[counts])
        target.append(voiced[counts])
        weight.append(np.full(counts.sum(), 1.0))
    new, shift = fit(row, bias, np.concatenate(x), np.concatenate(target), np.concatenate(weight))
    for (name, ratio) in bench.CONDITIONS:
        read, near, voiced, _ = collect(front, model, held, ratio, lambda i: True)
        line = []
        for w, b in ((row, bias), (new, shift)):
            told = read @ w.numpy() + float(b) >= 0
            right = np.mean(np.where(voiced, near & told, ~told))
            line.append(f"{right:.4f} (false {np.mean(told[~voiced]):.3f}, recall {np.mean(told[voiced]):.3f})")
        print(f"{name:6} RPA {near[voiced].mean():.4f}, overall accuracy {line[0]} → {line[1]}", flush=True)
    np.savez(arguments.checkpoint.with_name("voicing.npz"), row=new.numpy(), bias=shift.numpy())


if __name__ == "__main__":
    main()
