"""Golden vectors for Sources/Neural, from PyTorch in double precision: writes Tests/vectors/neural/layers.safetensors.

    python3 training/golden/neural.py

Layer `x` has its parameters as `x.weight` and so on, `x.input` and `x.output`; rows are [position, channel].
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

torch.manual_seed(20261121)
torch.set_default_dtype(torch.float64)
vectors: dict[str, np.ndarray] = {}


def put(name: str, value: torch.Tensor, dtype=np.float32) -> None:
    vectors[name] = np.ascontiguousarray(value.detach().numpy().astype(dtype))


def single(value: torch.Tensor) -> torch.Tensor:
    """Rounded to what the file will hold, so that both sides compute from the same numbers."""
    return value.detach().float().double()


def parameters(name: str, module: torch.nn.Module) -> None:
    with torch.no_grad():
        for key, parameter in module.state_dict().items():
            if parameter.is_floating_point():
                parameter.copy_(single(parameter))
                put(f"{name}.{key}", parameter)


def rows(x: torch.Tensor) -> torch.Tensor:
    """[channels, positions] to [positions, channels]."""
    return x.transpose(-1, -2)


def dense(name: str, inputs: int, outputs: int, count: int) -> None:
    layer = torch.nn.Linear(inputs, outputs)
    parameters(name, layer)
    x = single(torch.randn(count, inputs))
    put(f"{name}.input", x)
    put(f"{name}.output", layer(x))


def convolution(name: str, inputs: int, outputs: int, taps: int, stride: int, padding: tuple[int, int], length: int) -> None:
    layer = torch.nn.Conv1d(inputs, outputs, taps, stride)
    parameters(name, layer)
    x = single(torch.randn(inputs, length))
    put(f"{name}.input", rows(x))
    put(f"{name}.output", rows(layer(torch.nn.functional.pad(x, padding))))


def batch_norm(channels: int) -> torch.nn.BatchNorm1d:
    norm = torch.nn.BatchNorm1d(channels, eps=1e-3)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.01, 3)
    return norm.eval()


# Channels that are no multiple of 16, rows that no tile divides.
dense("dense", 37, 50, 13)
dense("denseWide", 256, 360, 9)
convolution("conv", 3, 20, 5, 1, (2, 2), 33)
convolution("convStrided", 6, 17, 4, 2, (0, 0), 40)
# In the frequency domain: both of CREPE's kinds, and lengths at which most taps meet only padding.
convolution("spectral", 20, 24, 64, 1, (31, 32), 128)
convolution("spectralShort", 33, 16, 64, 1, (31, 32), 8)
convolution("spectralStrided", 1, 32, 512, 4, (254, 254), 1024)
convolution("spectralValid", 5, 18, 33, 1, (0, 0), 96)
convolution("spectralCausal", 16, 16, 31, 2, (30, 0), 60)

# One block of CREPE: convolution, ReLU, batch normalisation (some scales negative), max-pooling.
layer, norm = torch.nn.Conv1d(16, 48, 64), batch_norm(48)
parameters("block", layer)
parameters("block_BN", norm)
x = single(torch.randn(16, 64))
y = norm(torch.relu(layer(torch.nn.functional.pad(x, (31, 32)))[None]))
put("block.input", rows(x))
put("block.output", rows(torch.nn.functional.max_pool1d(y, 2)[0]))

norm = batch_norm(21)
parameters("batchNorm", norm)
x = single(torch.randn(7, 21))
put("batchNorm.input", x)
put("batchNorm.output", norm(x))

norm = torch.nn.LayerNorm(45)
with torch.no_grad():
    norm.weight.normal_()
    norm.bias.normal_()
parameters("layerNorm", norm)
x = single(3 * torch.randn(6, 45) + 2)
put("layerNorm.input", x)
put("layerNorm.output", norm(x))

x = single(torch.randn(19, 23))
put("maxPool.input", x)
for size, stride in ((2, 2), (3, 2)):
    put(f"maxPool{size}{stride}.output", rows(torch.nn.functional.max_pool1d(rows(x)[None], size, stride)[0]))

gru = torch.nn.GRU(10, 27)
parameters("gru", gru)
x, h = single(torch.randn(12, 1, 10)), single(torch.randn(1, 1, 27))
put("gru.input", x[:, 0])
put("gru.state", h[0, 0])
put("gru.output", gru(x, h)[0][:, 0])

x = single(torch.cat([
    torch.linspace(-100, 100, 1001), torch.randn(1000), torch.randn(500) * 1e-3, torch.randn(500) * 1e-6,
    torch.tensor([0.0, -0.0, 0.625, -0.625, 1e-30, -1e-30, 1e30, -1e30])]))
put("activation.input", x)
put("activation.sigmoid", torch.sigmoid(x))
put("activation.tanh", torch.tanh(x))
put("activation.exp", torch.exp(torch.clamp(x, -87, 88)))
put("activation.relu", torch.relu(x))

# The half formats, each with its value in single precision: zeros, subnormals, largest values, infinities.
bits = torch.tensor([0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0x3555, 0xC000, 0x7BFF, 0x7C00, 0xFC00],
                    dtype=torch.int32).to(torch.int16)
save = {name: torch.from_numpy(value) for name, value in vectors.items()}
save["half.f16"] = bits.view(torch.float16)
save["half.bf16"] = bits.clone().view(torch.bfloat16)
save["half.f16AsF32"] = bits.view(torch.float16).float()
save["half.bf16AsF32"] = bits.view(torch.bfloat16).float()

path = pathlib.Path(__file__).parents[2] / "Tests/vectors/neural/layers.safetensors"
path.parent.mkdir(parents=True, exist_ok=True)
save_file(save, path, metadata={"source": "training/golden/neural.py", "torch": torch.__version__, "escaped": "a\"\\é\n"})
print(path.name, path.stat().st_size, "bytes")
