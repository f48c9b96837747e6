"""Continuo Pitch's network as a tracker, from a checkpoint: its delay after a step in pitch, and its loudness.

    python evaluate.py RUN/last.pt        prints the delay for steps up and down over the range

With the held-out clips there (training/peers/heldout.py) it prints how far, in dB, the loudness is from the level of the clip without
its noise, over voiced frames, and how far the level of the noisy sound itself is: what there would be without the network.
"""

import pathlib
import sys

import numpy as np
import torch

import features
import network


def load(path):
    """(features.Features, network.Network) with the averaged weights of a checkpoint."""
    saved = torch.load(path, map_location="cpu")
    front = features.Features(features.SETTINGS[saved["setting"]])
    weights = {k.removeprefix("module."): v for k, v in saved["average"].items() if k.startswith("module.")}
    model = network.Network(weights["blocks.0.widen.weight"].shape[0])
    model.load_state_dict(weights)
    return front.eval(), model.to(memory_format=torch.channels_last).eval()


def estimate(front, model, audio):
    """f0 (Hz), voicing, onset probability and loudness (dB) per frame as they come out: one each hop, causal."""
    with torch.no_grad():
        x, level = front(torch.as_tensor(audio, dtype=torch.float32)[None])
        logits, heads, _ = model(x.contiguous(memory_format=torch.channels_last), level)
    heads = heads[0]
    return (network.decode(logits)[0].numpy(), torch.sigmoid(heads[:, 0]).numpy(), torch.sigmoid(heads[:, 1]).numpy(),
            20 * heads[:, 2].numpy())


def tracker(path):
    """`track(audio)` for training/peers: times are of what the estimates speak of, not of when they are made."""
    front, model = load(path)

    def track(audio):
        f0, voicing, _, _ = estimate(front, model, audio)
        times = (front.setting.hop * np.arange(1, len(f0) + 1) - front.setting.delay) / features.RATE
        return times, f0, voicing

    return track


def delay(front, model, low, high, phase=0):
    """Seconds from a step low → high until an output that is made beyond the middle (in log frequency)."""
    step = features.RATE + phase
    f = np.where(np.arange(2 * features.RATE) < step, low, high)
    turn = 2 * np.pi * np.cumsum(f) / features.RATE
    tone = sum(np.sin(k * turn) / k for k in range(1, 13) if k * max(low, high) < 7600) * 0.2
    f0, *_ = estimate(front, model, tone)
    made = front.setting.hop * np.arange(1, len(f0) + 1)
    beyond = (np.log(f0 / np.sqrt(low * high)) * np.sign(high - low) > 0) & (made > step)
    settled = np.flatnonzero(~beyond & (made > step))
    first = settled[-1] + 1 if len(settled) else np.flatnonzero(made > step)[0]
    return (made[min(first, len(made) - 1)] - step) / features.RATE


def loudness(front, model, clips):
    """Rows (condition, mean absolute error of the head, of the noisy sound's level; dB) over the voiced frames of all clips."""
    import soundfile

    sys.path.insert(0, str(pathlib.Path(__file__).parent / "../peers"))
    import bench
    import render

    hop, delay = front.setting.hop, front.setting.delay
    for condition, ratio in bench.CONDITIONS:
        head, plain = [], []
        for seed, path in enumerate(clips):
            clean = soundfile.read(path, dtype="float32")[0]
            f0 = np.loadtxt(path.with_suffix(".f0"))
            noisy = bench.mixed(clean, ratio, 1000 + seed)
            # The sum may have been turned down: by as much as what is in it.
            scale = bench.summed(clean, ratio, 1000 + seed)[1]
            *_, said = estimate(front, model, noisy)
            instants = hop * np.arange(1, len(said) + 1) - delay
            inside = (instants >= 0) & (instants < min(len(f0) * 160, len(clean)) - 160)
            voiced = f0[np.clip(np.round(instants / 160).astype(int), 0, len(f0) - 1)] > 0
            use = inside & voiced
            grid = np.clip(np.round(instants / render.GRID).astype(int), 0, None)

            def level(x):
                values = render.level_db(np.asarray(x))
                return values[np.clip(grid, 0, len(values) - 1)][use]

            truth = level(clean * scale)
            head.append(np.abs(said[use] - truth))
            plain.append(np.abs(level(noisy) - truth))
        yield condition, np.concatenate(head).mean(), np.concatenate(plain).mean()


def main():
    front, model = load(sys.argv[1])
    every = []
    for low in (55, 110, 220, 440, 880):
        for ratio in (2 ** (2 / 12), 2 ** (7 / 12)):
            for a, b in ((low, low * ratio), (low * ratio, low)):
                d = [delay(front, model, a, b, phase) for phase in range(0, 160, 20)]
                every += d
                print(f"{a:6.0f} → {b:6.0f} Hz: {1e3 * np.mean(d):5.1f} ms (at most {1e3 * np.max(d):.1f})")
    print(f"median {1e3 * np.median(every):.1f} ms, mean {1e3 * np.mean(every):.1f} ms")
    clips = sorted((pathlib.Path(__file__).parent / "../peers/work/heldout").glob("*.wav"))
    if clips:
        for condition, head, plain in loudness(front, model, clips):
            print(f"loudness, {condition}: {head:.2f} dB off in the mean; the sound's own level {plain:.2f}")


if __name__ == "__main__":
    main()
