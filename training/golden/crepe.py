"""Golden vectors for CREPE, from torchcrepe: writes Tests/vectors/neural/crepe.safetensors.

    python3 training/golden/crepe.py RECORDING.wav     (e.g. sonic-pi-samples' guit_e_slide.flac, CC0)

`samples` are windows of 1024 samples at 16 kHz: first some of the recording, 160 apart, then synthetic ones, 1024 apart.
"""

import pathlib
import sys
from math import gcd

import numpy as np
import soundfile
import torch
from safetensors.numpy import save_file
from scipy.signal import resample_poly

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "peers"))
import crepe_reference  # noqa: E402

rng = np.random.default_rng(20261121)
sound, rate = soundfile.read(sys.argv[1], always_2d=True)
divisor = gcd(rate, 16000)
sound = resample_poly(sound.mean(1), 16000 // divisor, rate // divisor)
loudest = int(np.argmax(np.convolve(sound**2, np.ones(1024), "valid")))
recording = sound[loudest:loudest + 1024 + 11 * 160].astype(np.float32)

t = np.arange(1024) / 16000
windows = [
    np.zeros(1024),
    np.sin(2 * np.pi * 440 * t),
    1e-4 * np.sin(2 * np.pi * 55 * t),
    0.7 + 0.01 * np.sin(2 * np.pi * 220 * t),  # a large offset
    rng.standard_normal(1024),
    np.sign(np.sin(2 * np.pi * 110 * t)),
    np.eye(1, 1024, 300)[0],  # an impulse
    sum(np.sin(2 * np.pi * 196 * k * t + k) / k for k in range(1, 20)) * np.linspace(0, 1, 1024),
]
synthetic = np.concatenate(windows).astype(np.float32)
vectors = {"recording.samples": recording, "synthetic.samples": synthetic}
for capacity in ("tiny", "full"):
    net = crepe_reference.load(capacity)
    for name, samples, hop in (("recording", recording, 160), ("synthetic", synthetic, 1024)):
        a = crepe_reference.activations(net, samples, hop)
        vectors[f"{name}.{capacity}"] = a
        f0, confidence = crepe_reference.decode(a)
        vectors[f"{name}.{capacity}.f0"] = f0.astype(np.float32)
        vectors[f"{name}.{capacity}.confidence"] = confidence.astype(np.float32)
        f0, _ = crepe_reference.decode(a, low=150, high=500)
        vectors[f"{name}.{capacity}.f0From150To500"] = f0.astype(np.float32)
path = pathlib.Path(__file__).parents[2] / "Tests/vectors/neural/crepe.safetensors"
save_file(vectors, path, metadata={"source": "training/golden/crepe.py", "torch": torch.__version__})
print(path.name, path.stat().st_size, "bytes")
