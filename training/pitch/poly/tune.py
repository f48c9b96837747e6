"""Finds the decoder's thresholds on clips of guitars and keys that no training has heard: prints F1 of notes for each.

    python data.py --output work/validation --first 2000 --clips 48
    python tune.py work/validation work/run/last.pt

First those of beginnings, in turn, by F1 of onsets; then that of ends by F1 with offsets too.
"""

import pathlib
import sys

import numpy as np
import torch

import decoding
import export
import metric
import train


def main():
    torch.set_num_threads(1)
    model = export.load(sys.argv[2])
    heads = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("?????.npz")):
        clip = np.load(path)
        if not str(clip["kind"]).startswith(("piano", "electric piano", "guitar")):
            continue
        levels = clip["spectra"][:train.VALIDATION].astype(np.float32) / 2.5 - 100
        end = train.VALIDATION / 100 - 0.2
        heads.append((*train.estimate(model, levels)[:3], [n for n in clip["notes"] if n[0] < end]))

    def score(settings):
        rows = [metric.scores(notes, decoding.decode(o, n, v, settings)) for o, n, v, notes in heads]
        total = metric.total(rows)
        print({k: v for k, v in settings._asdict().items()}, {k: round(v, 4) for k, v in total.items()}, flush=True)
        return total

    best = decoding.Settings(hold=0.45)
    for name, values, measure in (
            ("note", (0.2, 0.3, 0.4), "f1"), ("onset", (0.2, 0.25, 0.3, 0.35, 0.4, 0.5), "f1"),
            ("swell", (0.6, 0.75, 0.9), "f1"), ("hold", (0.35, 0.45, 0.55), "f1_offsets")):
        best = max((best._replace(**{name: v}) for v in values), key=lambda s: score(s)[measure])
    print("best:", best)


if __name__ == "__main__":
    main()
