"""The phrases of data.py in memory, and crops of them for training."""

import pathlib

import numpy as np
import torch

import network
from instruments import NAMES


class Phrases:
    """All phrases of one kind, one after another. Rows of `harmonics` and `noise` are relative to unit loudness."""

    def __init__(self, folder, kind, audio=False, device="cpu"):
        paths = sorted(p for p in pathlib.Path(folder).glob(f"{kind}-*.npz") if "partial" not in p.name)
        instrument = {name: row for row, name in enumerate(NAMES)}
        self.names, self.starts, self.lengths, self.instrument = [], [], [], []
        keep = {name: [] for name in ("f0", "loudness", "harmonics", "noise", "sounds")}
        self.audio, onsets, at = [], [], 0
        for path in paths:
            clip = np.load(path)
            frames = len(clip["f0"])
            for name in keep:
                keep[name].append(clip[name])
            self.names.append(path.stem)
            self.instrument.append(instrument[path.stem[len(kind) + 1: -3]])
            self.starts.append(at)
            self.lengths.append(frames)
            onsets.append(np.stack([np.full(len(clip["onsets"]), len(self.starts) - 1), clip["onsets"]], 1))
            if audio:
                self.audio.append(clip["audio"])
            at += frames
        self.onsets = np.concatenate(onsets)  # [(phrase, frame)]
        self.f0 = torch.from_numpy(np.concatenate(keep["f0"]))
        self.pitch = 69 + 12 * torch.log2(self.f0 / 440)
        self.loudness = torch.from_numpy(np.concatenate(keep["loudness"]))
        self.sounds = torch.from_numpy(np.concatenate(keep["sounds"]))
        self.harmonics = torch.from_numpy(np.concatenate(keep["harmonics"]))
        self.noise = torch.from_numpy(np.concatenate(keep["noise"]))
        # Quiet harmonics were measured in float16 logs; −10 stands for none.
        omega = torch.from_numpy(network.noise_loudness()).float()
        number = torch.arange(1, network.HARMONICS + 1)
        for a in range(0, at, 50000):
            part = slice(a, a + 50000)
            weight = network.k_power(self.f0[part, None] * number)
            power = 0.5 * (weight * 10 ** (2 * self.harmonics[part].float())).sum(1)
            power += (omega * 10 ** (2 * self.noise[part].float())).sum(1)
            shift = 0.5 * torch.log10(power.clamp(min=1e-18))[:, None]
            # float16 reaches far enough: −10 minus at most 0 plus at most 9.
            self.harmonics[part] = (self.harmonics[part].float() - shift).half()
            self.noise[part] = (self.noise[part].float() - shift).half()
        self.device = device
        for name in ("f0", "pitch", "loudness", "sounds", "harmonics", "noise"):
            setattr(self, name, getattr(self, name).to(device))

    def phrase(self, index):
        return slice(self.starts[index], self.starts[index] + self.lengths[index])

    def crops(self, random, count, frames, at_onset=0.75):
        """[(phrase, first frame)]: most begin where a note does, as a voice does when it is played."""
        crops = []
        while len(crops) < count:
            if random.random() < at_onset:
                phrase, frame = self.onsets[random.integers(len(self.onsets))]
            else:
                phrase = random.integers(len(self.starts))
                frame = random.integers(0, self.lengths[phrase] - frames)
            if frame + frames + 4 <= self.lengths[phrase]:
                crops.append((int(phrase), int(frame)))
        return crops

    def gather(self, crops, frames):
        rows = torch.tensor([self.starts[p] + f for p, f in crops])[:, None] + torch.arange(frames)
        return rows.to(self.device), torch.tensor([self.instrument[p] for p, _ in crops], device=self.device)
