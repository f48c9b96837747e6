"""Gathers the instruments' profiles, one row each in the order of the model file: python profiles.py DATA OUTPUT.npz"""

import pathlib
import sys

import numpy as np

import export
from instruments import NAMES

SLOW = 64  # an attack's first 64 times stand 4 ms apart, the others 64 ms


def tidy(attack, sustains):
    """[4, 96] dB. Bodies are smoothed: what the samples' own beats leave of the median would return in every note.

    Notes that decay by themselves only fall once they have peaked: medians over keys of which some ring longer do not.
    """
    attack = attack.copy()
    if not sustains:
        for curve in attack:
            peak = int(curve.argmax())
            curve[peak:] = np.minimum.accumulate(curve[peak:])
    padded = np.pad(attack[:, SLOW:], ((0, 0), (2, 2)), mode="edge")
    smooth = sum(padded[:, i: i + attack.shape[1] - SLOW] for i in range(5)) / 5
    attack[:, SLOW + 2:] = smooth[:, 2:]
    return attack


def main():
    folder, output = map(pathlib.Path, sys.argv[1:])
    kept = [dict(np.load(folder / f"profile-{name}.npz")) for name in NAMES]
    for profile in kept:
        profile["attack"] = tidy(profile["attack"], profile["sustains"])
    np.savez(output, **{key: np.stack([profile[key] for profile in kept]) for key in export.PROFILES})


if __name__ == "__main__":
    main()
