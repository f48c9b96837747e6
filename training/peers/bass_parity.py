"""Our bass against its reference in PyTorch, on real weights and mixes: how far apart each stage is, and how fast both are.

    python3 training/peers/bass_parity.py AUTOENCODER.safetensors GENERATOR.safetensors MIX.wav … [--steps 4] [--guidance 2]
        [--bench PROGRAM]

Mixes of any rate; both sides get the mix at 24 kHz mono and the same noise. The exit status is 1 if a bar is missed: latents at the
end of the trajectory within 1e-3 (of a channel's unit spread), the decoder's sound (its harmonics, from the same latents) within
−50 dB, and our speed at least the reference's; both on one thread, in turns.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from math import gcd

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from scipy.signal import resample_poly  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training/bass"), str(ROOT / "training/synth")]
import decoding  # noqa: E402
import export  # noqa: E402
import frontend  # noqa: E402
import sampling  # noqa: E402
import network  # noqa: E402
import synthesis  # noqa: E402


def read(path):
    sound, rate = soundfile.read(path, always_2d=True)
    divisor = gcd(rate, frontend.RATE)
    return resample_poly(sound.mean(1), frontend.RATE // divisor, rate // divisor).astype(np.float32)


def timed(times, name, work):
    start = time.perf_counter()
    result = work()
    times[name] = times.get(name, 0) + time.perf_counter() - start
    return result


@torch.no_grad()
def reference(coder, model, mix, noise, steps, guidance, times):
    frames = -(-len(mix) // frontend.FRAME)
    features = timed(times, "front end", lambda: frontend.features(mix, frames))
    conditions = sampling.unconditional(frames)._replace(
        mix=torch.from_numpy(features)[None], mix_known=torch.ones(1, frames, 1))
    z = timed(times, "sampler", lambda: sampling.sample(model, conditions, noise[None], steps, guidance))[0]
    pitch, loudness, notes = timed(times, "line", lambda: decoding.decode(*[x[0].numpy() for x in coder.line_head(z[None])]))
    return features, z.numpy(), pitch, loudness, notes


@torch.no_grad()
def sound(coder, latents, pitch, loudness, times):
    """The harmonics' sound of latents and a line, at 48 kHz."""
    def work():
        level = np.where(pitch > 0, loudness, np.minimum(loudness, -60))
        control_pitch, control_loudness = decoding.control_frames(pitch, level, 2 * len(pitch))
        p, level = (torch.from_numpy(np.asarray(x)).float()[None] for x in (control_pitch, control_loudness))
        logs, _ = coder.sound(p, level, torch.from_numpy(latents)[None])
        harmonics, _ = coder.sound.decoder.impose(logs, p, level)
        audible = (level[0] > network.LOUDNESS_FLOOR + 0.5).float()[:, None]
        return synthesis.harmonic_sound(network.hertz(p[0]), harmonics[0] * audible).numpy()
    return timed(times, "sound", work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("autoencoder", type=pathlib.Path)
    parser.add_argument("generator", type=pathlib.Path)
    parser.add_argument("mixes", nargs="+")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--bench", default=str(ROOT / ".build/release/continuo-bench"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    coder, model = export.read(arguments.autoencoder), export.read(arguments.generator)
    ours, theirs, seconds, worst = {}, {}, 0.0, dict(features=0.0, latents=0.0, pitch=0.0, sound=-300.0)
    for number, path in enumerate(arguments.mixes):
        mix = read(path)
        frames = -(-len(mix) // frontend.FRAME)
        seconds += frames * 0.048
        noise = torch.from_numpy(np.random.default_rng(number).standard_normal((frames, 24)).astype(np.float32))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            soundfile.write(folder / "mix.wav", mix, frontend.RATE, "FLOAT")
            (folder / "noise.f32").write_bytes(noise.numpy().tobytes())
            answer = subprocess.run(
                [arguments.bench, "bass-take", arguments.autoencoder, arguments.generator, folder / "mix.wav", folder, "--steps",
                 str(arguments.steps), "--guidance", str(arguments.guidance), "--noise", folder / "noise.f32", "--sound-noise", "-60"],
                check=True, capture_output=True, text=True)
            for name, value in json.loads(answer.stdout).items():
                ours[name] = ours.get(name, 0) + value
            found = {name: np.fromfile(folder / f"{name}.f32", np.float32)
                     for name in ("features", "latents", "pitch", "loudness", "notes")}
            audio, _ = soundfile.read(folder / "bass.wav")
        features, latents, pitch, loudness, notes = reference(coder, model, mix, noise, arguments.steps, arguments.guidance, theirs)
        audible = features > -1
        own_latents = found["latents"].reshape(-1, 24)
        # The decoder is compared from the same latents: a line decision that falls the other way is no fault of the sound.
        expected = sound(coder, own_latents, found["pitch"], found["loudness"], theirs)
        count = min(len(audio), len(expected))
        # The bank's gate at the take's begin is its own.
        error = audio[480:count] - expected[480:count]
        level = 10 * np.log10((error**2).sum() / max((expected[480:count] ** 2).sum(), 1e-12) + 1e-30)
        values = dict(features=float(np.abs(found["features"].reshape(features.shape) - features)[audible].max()),
                      latents=float(np.abs(own_latents - latents).max()),
                      pitch=float((np.abs(found["pitch"] - pitch) > 0.01).mean()), sound=float(level))
        print(f"{path}: {frames * 0.048:.1f} s, features {values['features']:.1e}, latents {values['latents']:.1e}, "
              f"steps of another pitch {100 * values['pitch']:.2f} %, notes {len(found['notes']) // 4} and {len(notes)}, "
              f"sound {level:.1f} dB", flush=True)
        worst = {k: max(v, values[k]) for k, v in worst.items()}
    print(f"worst: {worst}")
    for name in ("front end", "sampler", "line", "sound"):
        print(f"{name}: ours {seconds / ours[name]:.0f} x real time, PyTorch {seconds / theirs[name]:.0f} x: "
              f"{theirs[name] / ours[name]:.1f} times as fast")
    missed = [name for name, limit in dict(latents=1e-3, sound=-50).items() if worst[name] > limit]
    missed += [f"speed of the {name}" for name in ours if ours[name] > theirs[name]]
    print("missed: " + ", ".join(missed) if missed else "all bars are met")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
