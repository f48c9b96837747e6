"""Trains the polyphonic network on what data.py made.

    python train.py --data work/data --run work/run [--steps 4000] [--minutes M]

Seeded, checkpointed (RUN/last.pt each 50 steps) and resumable: the same command goes on where it was interrupted.
"""

import pathlib
import sys

import numpy as np
import torch

import decoding
import frontend
import metric
import network

sys.path.append(str(pathlib.Path(__file__).parent / ".."))
import loop  # noqa: E402

FRAMES = 104  # of a training excerpt, after WARM frames that only fill the past
WARM = 24
BATCH = 10
HELD_BACK = 12  # the first clips are for validation
VALIDATION = 2000  # frames of each


class Data:
    def __init__(self, folder):
        paths = sorted(p for p in pathlib.Path(folder).glob("*.npz") if "partial" not in p.name)
        clips = [np.load(p) for p in paths]
        self.spectra = [c["spectra"] for c in clips]
        self.notes = [c["notes"] for c in clips]
        self.kinds = [str(c["kind"]) for c in clips]

    def __len__(self):
        return len(self.spectra)


def targets(notes, start, frames, transposed=0):
    """Onset and note targets [frames, POSITIONS], contour [frames, PITCH_BINS], levels in 20 dB where they are known
    (else NaN), of the frames from `start` on."""
    onset = np.zeros((frames, frontend.POSITIONS), np.float32)
    note, level = np.zeros_like(onset), np.full_like(onset, np.nan)
    contour = np.zeros((frames, frontend.PITCH_BINS), np.float32)
    first = start * frontend.HOP / frontend.RATE
    last = first + frames * frontend.HOP / frontend.RATE
    bins = np.arange(frontend.PITCH_BINS)
    for begin, end, key, loud, cents, _ in notes[(notes[:, 1] > first - 0.05) & (notes[:, 0] < last + 0.05)]:
        p = int(key) + transposed - frontend.LOWEST_KEY
        if not 0 <= p < frontend.POSITIONS:
            continue
        at = begin * frontend.RATE / frontend.HOP - start
        until = end * frontend.RATE / frontend.HOP - start
        for t in range(max(0, int(at) - 2), min(frames, int(at) + 4)):
            onset[t, p] = max(onset[t, p], min(1.0, max(0.0, 1.5 - abs(t - at))))
        a, b = max(0, int(np.ceil(at - 0.5))), min(frames, max(int(np.ceil(until)), int(at) + 4))
        note[a:b, p] = 1
        level[max(0, int(at)): max(0, min(frames, int(at) + 5)), p] = loud / 20
        shape = np.exp(-0.5 * ((bins - (3 * p + 1 + 0.03 * cents)) / 0.85) ** 2)
        contour[a:b] = np.maximum(contour[a:b], shape)
    return onset, note, contour, level


def batch(data, indices, step):
    """A seeded batch: excerpts transposed by up to three semitones, with another equaliser and level."""
    rng = np.random.default_rng([step, 41])
    frames = WARM + FRAMES
    levels, parts = [], []
    for index in rng.choice(indices, BATCH):
        start = int(rng.integers(0, len(data.spectra[index]) - frames))
        x = data.spectra[index][start: start + frames].astype(np.float32) / 2.5 - 100
        x += rng.uniform(-0.2, 0.2, x.shape).astype(np.float32)
        transposed = int(rng.integers(-3, 4)) if rng.random() < 0.7 else 0
        if transposed:
            moved = np.roll(x, 3 * transposed, axis=-1)
            if transposed > 0:
                moved[..., : 3 * transposed] = x[..., :1]
            else:
                moved[..., 3 * transposed:] = x[..., -1:]
            x = moved
        curve = np.zeros(frontend.BINS)
        if rng.random() < 0.6:
            for _ in range(int(rng.integers(1, 4))):
                centre, width = rng.uniform(0, frontend.BINS), rng.uniform(15, 120)
                curve += rng.normal() * 6 * np.exp(-0.5 * ((np.arange(frontend.BINS) - centre) / width) ** 2)
        gain = rng.normal() * 8
        loudest = x.max()
        gain = min(gain, 6 - loudest)
        x = np.maximum(x + (curve + gain).astype(np.float32), -100)
        notes = data.notes[index].copy()
        place = np.clip(np.round(3 * (notes[:, 2] + transposed - frontend.LOWEST_KEY) + 1).astype(int), 0, frontend.BINS - 1)
        notes[:, 3] += gain + curve[place]
        levels.append(x)
        parts.append(targets(notes, start, frames, transposed))
    return torch.tensor(np.stack(levels)), [torch.tensor(np.stack(v)) for v in zip(*parts)]


def losses(model, levels, labels):
    device = next(model.parameters()).device
    levels, labels = levels.to(device), [label.to(device) for label in labels]
    x, mean = frontend.features(levels)
    heads = model(x.contiguous(memory_format=torch.channels_last), mean)[:, :, WARM:]
    onset, note, contour, level = (v[:, WARM:] for v in labels)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    frames = onset.shape[0] * onset.shape[1]
    a = bce(heads[:, 0], onset, reduction="sum", pos_weight=torch.tensor(2.0, device=device)) / frames
    b = bce(heads[:, 1], note, reduction="sum") / frames
    c = bce(heads[:, 3:].permute(0, 2, 3, 1).flatten(2), contour, reduction="sum") / frames
    known = ~level.isnan()
    d = (heads[:, 2] - level)[known].abs().mean() if known.any() else heads.sum() * 0
    return a, b, c, d


def estimate(model, levels):
    """Onset and note probabilities, levels in dB, contour probabilities of whole pieces: levels dB [T, 3, BINS]."""
    model.eval()
    device = next(model.parameters()).device
    out = []
    with torch.no_grad():
        for start in range(0, len(levels), 1000):
            warm = min(start, 64)
            x, mean = frontend.features(torch.as_tensor(levels[start - warm: start + 1000])[None].to(device))
            out.append(model(x.contiguous(memory_format=torch.channels_last), mean)[0, :, warm:].cpu())
    model.train()
    heads = torch.cat(out, 1)
    return (torch.sigmoid(heads[0]).numpy(), torch.sigmoid(heads[1]).numpy(), 20 * heads[2].numpy(),
            torch.sigmoid(heads[3:].permute(1, 2, 0).flatten(1)).numpy())


def validate(model, data, count=HELD_BACK, settings=decoding.Settings()):
    rows = []
    for index in range(count):
        levels = data.spectra[index][:VALIDATION].astype(np.float32) / 2.5 - 100
        onset, note, level, _ = estimate(model, levels)
        reference = [n for n in data.notes[index] if n[0] < VALIDATION / 100 - 0.2]
        rows.append(metric.scores(reference, decoding.decode(onset, note, level, settings)))
    return metric.total(rows)


def main():
    options = loop.arguments(__doc__, steps=6000, threads=1).parse_args()
    torch.manual_seed(1)
    data = Data(options.data)
    print(f"{len(data)} clips")
    training = np.arange(HELD_BACK, len(data))
    loop.run(options, network.Network(), losses=lambda model, step: losses(model, *batch(data, training, step)),
             weights=(2, 0.5, 0.2, 0.3), validate=lambda model: validate(model, data), every=500)


if __name__ == "__main__":
    main()
