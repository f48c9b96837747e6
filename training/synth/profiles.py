"""Gathers the instruments' profiles, one row each in the order of the model file: python profiles.py DATA OUTPUT.npz"""

import pathlib
import sys

import numpy as np

import export
from instruments import NAMES

folder, output = map(pathlib.Path, sys.argv[1:])
kept = [np.load(folder / f"profile-{name}.npz") for name in NAMES]
np.savez(output, **{key: np.stack([profile[key] for profile in kept]) for key in export.PROFILES})
