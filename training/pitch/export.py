"""Writes a checkpoint as safetensors for other implementations, with golden vectors.

    python export.py RUN/last.pt ../../models/continuo-pitch-standard.safetensors [--golden FOLDER]

Batch norms are folded into the convolutions before or after them, the voicing is calibrate.py's (RUN/voicing.npz) if
there is one; layers' names and shapes are in the file and in
models/continuo-pitch.md. The golden file holds a quarter of a second of audio, its features, and what comes out, in float32.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

import evaluate
import features
import network


def fold_before(weight, norm):
    """A convolution without bias, then batch norm: (weight, bias)."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def sparse_bank():
    """The filter bank's rows without their zeros: first line, count, and all weights one after another (all as floats)."""
    first, count, weights = [], [], []
    for row in features.filter_bank():
        inside = np.flatnonzero(row)
        first.append(inside[0])
        count.append(inside[-1] - inside[0] + 1)
        weights.append(row[inside[0]: inside[-1] + 1])
    return (torch.tensor(np.array(first), dtype=torch.float32), torch.tensor(np.array(count), dtype=torch.float32),
            torch.tensor(np.concatenate(weights), dtype=torch.float32))


def tensors(front, model):
    out = {"features.long_window": front.long, "features.short_window": front.short}
    out["features.bank.first"], out["features.bank.count"], out["features.bank.weight"] = sparse_bank()
    out["features.lag.first"] = front.lags[:, 0].to(torch.float32)
    out["features.lag.weight"] = front.lag_weights
    weight, bias = fold_before(model.stem.weight, model.stem_norm)
    out["stem.weight"], out["stem.bias"] = weight, bias
    for i, block in enumerate(model.blocks):
        weight, bias = fold_before(block.depthwise.weight, block.norm)
        out[f"blocks.{i}.depthwise.weight"], out[f"blocks.{i}.depthwise.bias"] = weight[:, 0], bias
        for name in ("widen", "narrow"):
            layer = getattr(block, name)
            out[f"blocks.{i}.{name}.weight"], out[f"blocks.{i}.{name}.bias"] = layer.weight[:, :, 0, 0], layer.bias
    out["stem.weight"] = out["stem.weight"][:, :, 0]
    out["pitch.weight"], out["pitch.bias"] = model.pitch.weight[:, :, 0], model.pitch.bias
    out["salience.weight"], out["salience.bias"] = model.salience.weight[:, :, 0, 0], model.salience.bias
    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        out[f"recurrent.{part}"] = getattr(model.recurrent, f"{part}_l0")
    out["heads.weight"], out["heads.bias"] = model.heads.weight, model.heads.bias
    return {k: v.detach().contiguous() for k, v in out.items()}


def golden(front, model):
    rng = np.random.default_rng(3)
    t = np.arange(features.RATE // 4) / features.RATE
    f0 = 196 * 2 ** (0.04 * np.sin(2 * np.pi * 5.5 * t) + (t > 0.13) * 4 / 12)
    phase = 2 * np.pi * np.cumsum(f0) / features.RATE
    audio = sum(np.sin(k * phase) / k**1.2 for k in range(1, 14)) * 0.15 + rng.normal(size=len(t)) * 0.004
    audio[:800] *= 0.001
    audio = torch.tensor(audio, dtype=torch.float32)
    with torch.no_grad():
        x, level = front(audio[None])
        logits, heads, state = model(x, level)
    return {"audio": audio, "features": x[0].contiguous(), "level": level[0], "pitch_logits": logits[0].contiguous(),
            "heads": heads[0], "frequency": network.decode(logits)[0], "state": state[0, 0]}


def calibrate(model, checkpoint):
    """Takes the voicing that calibrate.py fitted, if it did."""
    found = checkpoint.with_name("voicing.npz")
    if found.exists():
        fitted = np.load(found)
        with torch.no_grad():
            model.heads.weight[0] = torch.tensor(fitted["row"])
            model.heads.bias[0] = torch.tensor(fitted["bias"])
        print(f"voicing from {found}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    front, model = evaluate.load(arguments.checkpoint)
    model = model.to(memory_format=torch.contiguous_format)
    calibrate(model, arguments.checkpoint)
    setting = front.setting
    described = {
        "format": "continuo-pitch 1", "setting": setting.name, "sample_rate": features.RATE, "hop": setting.hop,
        "fft": features.FFT, "delay": setting.delay, "stretch": setting.stretch, "lowest_hz": features.LOWEST,
        "bins_per_octave": features.BINS_PER_OCTAVE, "pitch_bins": features.PITCH_BINS,
        "spectrum_bins": features.SPECTRUM_BINS, "power_floor": features.FLOOR,
        "long_shifts": features.harmonic_shifts(features.HARMONICS),
        "short_shifts": features.harmonic_shifts(features.SHORT_HARMONICS),
        "dilations": list(network.DILATIONS), "stride": network.STRIDE, "license": "ISC"}
    weights = tensors(front, model)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, arguments.output, metadata={k: v if isinstance(v, str) else json.dumps(v)
                                                   for k, v in described.items()})
    learned = sum(v.numel() for k, v in weights.items() if not k.startswith("features."))
    print(f"{arguments.output}: {learned} learned parameters, {arguments.output.stat().st_size / 1024:.0f} KiB")
    if arguments.golden:
        arguments.golden.mkdir(parents=True, exist_ok=True)
        vectors = golden(front, model)
        save_file(vectors, arguments.golden / f"{arguments.output.stem}.golden.safetensors")
    # What was folded must compute the same as what was trained.
    vectors = golden(front, model)
    check = plain(weights, vectors["features"], vectors["level"])
    for name, value in zip(("pitch_logits", "heads"), check):
        error = np.abs(value - vectors[name].numpy()).max()
        print(f"{name}: folded weights differ by at most {error:.2e}")
        assert error < 2e-4


def plain(w, x, level):
    """The network as a plain program over frames, as an implementation in another language would run it.

    x [CHANNELS, T, PITCH_BINS], level [T, 2]; state: for each block the last 2·dilation frames, and the GRU's vector.
    """
    w = {k: v.numpy().astype(np.float64) for k, v in w.items()}
    x, level = x.numpy(), level.numpy()
    positions = features.PITCH_BINS // network.STRIDE
    past = [np.zeros((2 * d, network.WIDTH, positions)) for d in network.DILATIONS]
    r = np.zeros(network.STATE)
    all_logits, all_heads = [], []

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    for t in range(x.shape[1]):
        frame = np.pad(x[:, t], ((0, 0), (1, 1)))
        h = np.stack([np.einsum("oik,ik->o", w["stem.weight"], frame[:, 3 * p: 3 * p + 5]) for p in range(positions)], 1)
        h = np.maximum(h + w["stem.bias"][:, None], 0)
        for i, d in enumerate(network.DILATIONS):
            history = np.concatenate([past[i], h[None]])
            taps = np.pad(history[[0, d, 2 * d]], ((0, 0), (0, 0), (3, 3)))  # oldest, middle, newest
            k = w[f"blocks.{i}.depthwise.weight"]
            y = sum(k[:, a, b, None] * taps[a][:, b: b + positions] for a in range(3) for b in range(7))
            y = y + w[f"blocks.{i}.depthwise.bias"][:, None]
            y = np.maximum(w[f"blocks.{i}.widen.weight"] @ y + w[f"blocks.{i}.widen.bias"][:, None], 0)
            past[i] = history[1:]
            h = h + w[f"blocks.{i}.narrow.weight"] @ y + w[f"blocks.{i}.narrow.bias"][:, None]
        h = np.maximum(h, 0)
        wide = np.pad(h, ((0, 0), (1, 1)))
        logits = np.stack([np.einsum("oik,ik->o", w["pitch.weight"], wide[:, p: p + 3]) + w["pitch.bias"]
                           for p in range(positions)]).reshape(-1)
        s = w["salience.weight"] @ h + w["salience.bias"][:, None]
        pooled = np.concatenate([s.max(1), s.mean(1), [(logits.max() - logits.mean()) / 10], level[t]])
        a = w["recurrent.weight_ih"] @ pooled + w["recurrent.bias_ih"]
        b = w["recurrent.weight_hh"] @ r + w["recurrent.bias_hh"]
        n = network.STATE
        reset, update = sigmoid(a[:n] + b[:n]), sigmoid(a[n: 2 * n] + b[n: 2 * n])
        r = (1 - update) * np.tanh(a[2 * n:] + reset * b[2 * n:]) + update * r
        all_logits.append(logits)
        all_heads.append(w["heads.weight"] @ np.concatenate([r, pooled]) + w["heads.bias"])
    return np.stack(all_logits), np.stack(all_heads)


if __name__ == "__main__":
    main()
