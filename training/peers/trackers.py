"""Pitch trackers behind one call: audio at 16 kHz in, (times s, f0 Hz, confidence) out.

Each tracker is `name: (make, threshold)`: `make()` loads it and returns `track(audio)`, a frame is voiced where
confidence is at least `threshold` (the tracker's own default, or one half where it states none).
"""

import csv
import os
import subprocess
import sys
import tempfile
import types

import numpy as np

RATE = 16000

# torchcrepe and pesto import torchaudio for reading files alone, which we do not ask of them; PyPI's torchaudio is
# built for other versions of torch.
sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))


def crepe(capacity, hop):
    def make():
        import torch
        import torchcrepe

        def track(audio):
            np.random.seed(0)  # torchcrepe dithers its pitches
            # fmin under CREPE's lowest bin (31.7 Hz) would mask all bins but the last ones.
            f0, periodicity = torchcrepe.predict(
                torch.from_numpy(audio)[None], RATE, hop, 32.7, 2000.0, capacity, batch_size=128,
                decoder=torchcrepe.decode.weighted_argmax, return_periodicity=True)
            return np.arange(f0.shape[1]) * hop / RATE, f0[0].numpy(), periodicity[0].numpy()

        return track

    return make


def swift_f0():
    from swift_f0 import SwiftF0

    detector = SwiftF0()

    def track(audio):
        result = detector.detect(audio, RATE)
        return result.timestamps, result.pitch_hz, result.confidence

    return track


def pesto():
    import pesto as package
    import torch

    model = package.load_model("mir-1k_g7", step_size=10.0, sampling_rate=RATE, max_batch_size=4096)

    def track(audio):
        with torch.no_grad():
            f0, confidence, *_ = model(torch.from_numpy(audio), sr=RATE, convert_to_freq=True, return_activations=False)
        f0, confidence = f0.reshape(-1).numpy(), confidence.reshape(-1).numpy()
        return np.arange(len(f0)) * 0.01, f0, confidence

    return track


def pyin():
    import librosa

    def track(audio):
        f0, voiced, _ = librosa.pyin(
            audio, fmin=32.7, fmax=2000, sr=RATE, frame_length=1024, hop_length=160, fill_na=None)
        return np.arange(len(f0)) * 0.01, f0, voiced.astype(np.float32)

    return track


def continuo(model):
    """`continuo track` (CONTINUO names the program; build/bin/continuo by default)."""

    def make():
        program = os.environ.get("CONTINUO", "build/bin/continuo")
        subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)

        def track(audio):
            import soundfile

            with tempfile.TemporaryDirectory() as folder:
                soundfile.write(f"{folder}/a.wav", audio, RATE, subtype="FLOAT")
                hop = "5" if model == "quick" else "10"
                subprocess.run([program, "track", f"{folder}/a.wav", "--model", model, "--hop-ms", hop, "--quiet",
                                "--csv", f"{folder}/a.csv"], check=True, stdout=subprocess.DEVNULL)
                with open(f"{folder}/a.csv") as file:
                    rows = np.array([[float(r[k] or 0) for k in ("time", "frequency", "confidence")]
                                     for r in csv.DictReader(file)])
            return rows[:, 0], rows[:, 1], rows[:, 2]

        return track

    return make


def checkpoint(path):
    """Continuo's own network from a training checkpoint (RUN/last.pt), in torch."""

    def make():
        folder = os.path.join(os.path.dirname(__file__), "..", "pitch")
        sys.path.insert(0, folder)
        import evaluate

        return evaluate.tracker(path)

    return make


TRACKERS = {
    "swift-f0": (swift_f0, 0.5),
    "crepe-tiny": (crepe("tiny", 160), 0.5),
    "crepe-full": (crepe("full", 160), 0.5),
    "crepe-full-40ms": (crepe("full", 640), 0.5),  # the same estimates, each fourth frame: hours become minutes
    "pesto": (pesto, 0.5),
    "pyin": (pyin, 0.5),
    "continuo-crepe-tiny": (continuo("crepe-tiny"), 0.5),
    "continuo-crepe-full": (continuo("crepe-full"), 0.5),
}


def find(name):
    """A tracker by name; `checkpoint:PATH` and `continuo:MODEL` make one."""
    kind, _, argument = name.partition(":")
    if kind == "checkpoint":
        return checkpoint(argument), 0.5
    if kind == "continuo":
        return continuo(argument), 0.5
    return TRACKERS[name]
