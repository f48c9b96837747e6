"""Makes the blocks of a trained network narrower: of the channels between the pointwise layers those stay that carry most.

    python prune.py RUN/last.pt 32 --data work/data --output work/narrow.pt

A channel's weight is its mean square on training clips times the square of what it adds to the block's output. What comes out is to be
trained on: train.py --start work/narrow.pt --expansion 32.
"""

import argparse
import pathlib

import numpy as np
import torch

import evaluate
import train


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("width", type=int)
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    front, model = evaluate.load(options.checkpoint)
    squares = [[] for _ in model.blocks]
    hooks = [block.narrow.register_forward_pre_hook(lambda _, x, kept=kept: kept.append(x[0].square().mean((0, 2, 3))))
             for block, kept in zip(model.blocks, squares)]
    data = train.Data(options.data)
    for k in range(12):
        with torch.no_grad():
            train.losses(model, front, train.batch(data, np.arange(train.HELD_BACK, len(data)), 20_000_000 + k, front.setting))
    for hook in hooks:
        hook.remove()
    saved = torch.load(options.checkpoint)
    for i, block in enumerate(model.blocks):
        carried = torch.stack(squares[i]).mean(0) * block.narrow.weight[:, :, 0, 0].square().sum(0)
        kept = carried.argsort(descending=True)[: options.width].sort().values
        print(f"block {i}: {100 * carried[kept].sum() / carried.sum():.1f} % is kept")
        for part, prefix in ((saved["model"], ""), (saved["average"], "module.")):
            name = f"{prefix}blocks.{i}."
            for key in ("widen.weight", "widen.bias"):
                part[name + key] = part[name + key][kept].clone()
            part[name + "narrow.weight"] = part[name + "narrow.weight"][:, kept].clone()
    torch.save({key: saved[key] for key in ("model", "average", "setting")}, options.output)


if __name__ == "__main__":
    main()
