"""Writes a checkpoint as safetensors for other implementations, with golden vectors.

    python export.py RUN/last.pt ../../../models/continuo-pitch-poly.safetensors [--golden FOLDER]

Batch norms are folded into the convolutions before them; layers' names and shapes are in the file and in
models/continuo-pitch-poly.md. The golden file holds 0.4 s of audio, its features, heads and notes, in float32.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

import decoding
import frontend
import network


def load(path):
    """The network with the averaged weights of a checkpoint."""
    saved = torch.load(path, map_location="cpu")
    model = network.Network()
    model.load_state_dict({k.removeprefix("module."): v for k, v in saved["average"].items() if k.startswith("module.")})
    return model.eval()


def scaled(norm):
    return norm.weight / torch.sqrt(norm.running_var + norm.eps)


def bank(size):
    """The filter bank's rows without their zeros: first line, count, and all weights one after another (all as floats)."""
    first, count, weights = [], [], []
    for row in frontend.filter_bank(size):
        inside = np.flatnonzero(row)
        first.append(inside[0])
        count.append(inside[-1] - inside[0] + 1)
        weights.append(row[inside[0]: inside[-1] + 1])
    return [torch.tensor(np.array(v), dtype=torch.float32) for v in (first, count, np.concatenate(weights))]


def tensors(model):
    out = {}
    for k, (rise, fall) in enumerate(frontend.WINDOWS):
        out[f"features.window.{k}"] = torch.tensor(frontend.window(rise, fall), dtype=torch.float32)
    for k, size in enumerate((4096, 2048)):
        out[f"features.bank.{k}.first"], out[f"features.bank.{k}.count"], out[f"features.bank.{k}.weight"] = bank(size)
    scale = scaled(model.stem_norm)
    out["stem.weight"] = (model.stem.weight * scale[:, None, None, None])[:, :, 0]
    out["loud.weight"] = model.loud.weight
    out["stem.bias"] = model.stem_norm.bias - model.stem_norm.running_mean * scale + 2 * model.loud.weight.sum(1)
    for i, block in enumerate(model.blocks):
        scale = scaled(block.norm)
        out[f"blocks.{i}.depthwise.weight"] = (block.depthwise.weight * scale[:, None, None, None])[:, 0]
        out[f"blocks.{i}.depthwise.bias"] = block.norm.bias - block.norm.running_mean * scale
        for name in ("octaves", "twelfths"):
            if getattr(block, name) is not None:
                out[f"blocks.{i}.{name}.weight"] = (getattr(block, name).weight * scale[:, None, None, None])[:, 0, 0]
        for name in ("widen", "narrow"):
            layer = getattr(block, name)
            out[f"blocks.{i}.{name}.weight"], out[f"blocks.{i}.{name}.bias"] = layer.weight[:, :, 0, 0], layer.bias
    out["heads.weight"], out["heads.bias"] = model.heads.weight[:, :, 0], model.heads.bias
    return {k: v.detach().contiguous() for k, v in out.items()}


def sound(seconds=0.4):
    """Four plucked tones one after another that ring together, in a little noise."""
    rng = np.random.default_rng(3)
    t = np.arange(int(frontend.RATE * seconds)) / frontend.RATE
    audio = rng.normal(size=len(t)) * 0.0005
    for key, onset in ((40, 0.03), (52, 0.08), (59, 0.14), (68, 0.14)):
        age = np.maximum(t - onset, 0)
        f0 = 440 * 2 ** ((key - 69) / 12)
        for k in range(1, 24):
            if k * f0 < 7500:
                audio += (t >= onset) * np.sin(2 * np.pi * k * f0 * age) * np.exp(-age * (2 + k)) * 0.15 / k
    return audio.astype(np.float32)


def golden(model):
    audio = sound()
    levels = torch.tensor(frontend.spectra(audio))
    with torch.no_grad():
        x, mean = frontend.features(levels[None])
        heads = model(x, mean)
    return {"audio": torch.tensor(audio), "features": x[0].transpose(0, 1).contiguous(), "level": mean[0],
            "heads": heads[0].transpose(0, 1).contiguous()}


def decoding_case():
    """Heads of nobody's network over 1.5 s, with the notes that the decoder makes of them."""
    rng = np.random.default_rng(8)
    frames, positions = 150, frontend.POSITIONS
    onset, note = rng.uniform(0, 0.3, (frames, positions)) ** 2, rng.uniform(0, 0.2, (frames, positions))
    level = rng.uniform(-50, 0, (frames, positions))
    for _ in range(70):
        p, at, length = rng.integers(positions), int(rng.integers(2, frames - 10)), int(rng.integers(3, 60))
        note[at: at + length, p] = rng.uniform(0.2, 1.0) * rng.uniform(0.7, 1.0, len(note[at: at + length]))
        if rng.random() < 0.8:
            onset[at - 1: at + 2, p] = rng.uniform(0.2, 1.0) * np.array([rng.uniform(0, 0.9), 1, rng.uniform(0, 1)])
    onset, note, level = (v.astype(np.float32) for v in (onset, note, level))
    notes = decoding.decode(onset, note, level)
    return {"decoding.onset": torch.tensor(onset), "decoding.note": torch.tensor(note), "decoding.level": torch.tensor(level),
            "decoding.notes": torch.tensor(np.array(sorted(notes), np.float32))}


def plain(w, x, level):
    """The network as a plain program over frames, as an implementation in another language would run it.

    x [T, CHANNELS, PITCH_BINS], level [T, 3] → heads [T, HEADS, POSITIONS]; state: for each block the last 2·dilation frames.
    """
    w = {k: v.numpy().astype(np.float64) for k, v in w.items()}
    positions, width = frontend.POSITIONS, network.WIDTH
    past = [np.zeros((2 * d, width, positions)) for d in network.DILATIONS]
    out = []
    for t in range(len(x)):
        frame = np.pad(x[t].numpy(), ((0, 0), (1, 1)))
        h = np.stack([np.einsum("oik,ik->o", w["stem.weight"], frame[:, 3 * p: 3 * p + 5]) for p in range(positions)], 1)
        h = np.maximum(h + (w["stem.bias"] + w["loud.weight"] @ level[t].numpy())[:, None], 0)
        for i, d in enumerate(network.DILATIONS):
            history = np.concatenate([past[i], h[None]])
            taps = np.pad(history[[0, d, 2 * d]], ((0, 0), (0, 0), (2, 2)))  # oldest, middle, newest
            k = w[f"blocks.{i}.depthwise.weight"]
            y = sum(k[:, a, b, None] * taps[a][:, b: b + positions] for a in range(3) for b in range(5))
            y = y + w[f"blocks.{i}.depthwise.bias"][:, None]
            if network.HARMONIC[i]:
                around = np.pad(h, ((0, 0), (24, 24)))
                for name, offsets in (("octaves", (-24, -12, 0, 12, 24)), ("twelfths", (-19, 0, 19))):
                    k = w[f"blocks.{i}.{name}.weight"]
                    y = y + sum(k[:, j, None] * around[:, 24 + o: 24 + o + positions] for j, o in enumerate(offsets))
            y = np.maximum(w[f"blocks.{i}.widen.weight"] @ y + w[f"blocks.{i}.widen.bias"][:, None], 0)
            past[i] = history[1:]
            h = h + w[f"blocks.{i}.narrow.weight"] @ y + w[f"blocks.{i}.narrow.bias"][:, None]
        wide = np.pad(np.maximum(h, 0), ((0, 0), (1, 1)))
        out.append(np.stack([np.einsum("oik,ik->o", w["heads.weight"], wide[:, p: p + 3]) + w["heads.bias"]
                             for p in range(positions)], 1))
    return np.stack(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    model = load(arguments.checkpoint)
    described = {
        "format": "continuo-pitch-poly 1", "sample_rate": frontend.RATE, "hop": frontend.HOP, "delay": frontend.DELAY,
        "sizes": list(frontend.SIZES), "lowest_key": frontend.LOWEST_KEY, "positions": frontend.POSITIONS,
        "spectrum_bins": frontend.BINS, "power_floor": frontend.FLOOR,
        "shifts": [frontend.shifts(h) for h in frontend.HARMONICS], "dilations": list(network.DILATIONS),
        "harmonic": [i for i, h in enumerate(network.HARMONIC) if h], "license": "ISC"}
    weights = tensors(model)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, arguments.output, metadata={k: v if isinstance(v, str) else json.dumps(v)
                                                   for k, v in described.items()})
    learned = sum(v.numel() for k, v in weights.items() if not k.startswith("features."))
    print(f"{arguments.output}: {learned} learned parameters, {arguments.output.stat().st_size / 1024:.0f} KiB")
    vectors = golden(model)
    # What was folded must compute the same as what was trained.
    error = np.abs(plain(weights, vectors["features"], vectors["level"]) - vectors["heads"].numpy()).max()
    print(f"folded weights differ by at most {error:.2e}")
    assert error < 2e-4
    if arguments.golden:
        arguments.golden.mkdir(parents=True, exist_ok=True)
        vectors["features"] = vectors["features"][::10].contiguous()  # every tenth frame, to be small
        save_file({**vectors, **decoding_case()}, arguments.golden / "continuo-pitch-poly.golden.safetensors")


if __name__ == "__main__":
    main()
