"""Golden vectors for the layers over sequences in Sources/Neural, from PyTorch in double precision: writes
Tests/vectors/neural/sequence.safetensors.

    python3 training/golden/sequence.py

Layer `x` has its parameters as `x.weight` and so on, `x.input` and `x.output`; rows are [position, channel].
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bass"))
import generator  # noqa: E402
import layers  # noqa: E402

torch.manual_seed(20261122)
torch.set_default_dtype(torch.float64)
vectors: dict[str, torch.Tensor] = {}


def put(name, value):
    vectors[name] = value.detach().float().contiguous()


def single(value):
    """Rounded to what the file will hold, so that both sides compute from the same numbers."""
    return value.detach().float().double()


def parameters(name, module):
    with torch.no_grad():
        for key, parameter in module.state_dict().items():
            parameter.copy_(single(parameter + 0.1 * torch.randn_like(parameter)))
            put(f"{name}.{key}", parameter)


# Channels that are no multiple of 16; rows fewer than taps, and many.
for name, channels, taps, count in (("depthwise", 37, 7, 19), ("depthwiseShort", 16, 7, 2)):
    layer = torch.nn.Conv1d(channels, channels, taps, padding=taps // 2, groups=channels)
    parameters(name, layer)
    x = single(torch.randn(count, channels))
    put(f"{name}.input", x)
    put(f"{name}.output", layer(x.T[None])[0].T)

for name, channels, count in (("convNeXt", 40, 23), ("convNeXtWide", 48, 40)):
    block = layers.Block(channels)
    parameters(name, block)
    x = single(torch.randn(count, channels))
    put(f"{name}.input", x)
    put(f"{name}.output", block(x[None])[0])

# One row, fewer than a vector, and more than are computed at once.
for name, width, head, counts in (("attention", 64, 32, (1, 13, 150)), ("attentionSmall", 48, 16, (33,))):
    qkv, out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
    parameters(f"{name}.qkv", qkv)
    parameters(f"{name}.out", out)
    for count in counts:
        x = single(2 * torch.randn(1, count, width))
        turns = generator.rotary(count, head, dtype=torch.float64)
        q, k, v = qkv(x).view(1, count, 3, width // head, head).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(generator.rotate(q, *turns), generator.rotate(k, *turns), v)
        put(f"{name}{count}.input", x[0])
        put(f"{name}{count}.output", out(h.transpose(1, 2).reshape(1, count, width))[0])

x, scale, shift = single(3 * torch.randn(9, 45) + 2), single(torch.randn(45)), single(torch.randn(45))
put("adaptive.input", x)
put("adaptive.scale", scale)
put("adaptive.shift", shift)
put("adaptive.output", F.layer_norm(x, (45,)) * scale + shift)

x = single(torch.cat([torch.linspace(-100, 100, 1001), torch.randn(1000), torch.randn(500) * 1e-3, torch.linspace(-8, 8, 400),
                      torch.tensor([0.0, -0.0, 1e-30, -1e-30, 1e18, -1e18])]))
put("activation.input", x)
put("activation.gelu", F.gelu(x, approximate="tanh"))
put("activation.silu", F.silu(x))

path = pathlib.Path(__file__).resolve().parents[2] / "Tests/vectors/neural/sequence.safetensors"
save_file(vectors, path, metadata={"source": "training/golden/sequence.py", "torch": torch.__version__})
print(path.name, path.stat().st_size, "bytes")
