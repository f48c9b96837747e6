"""Golden vectors of the synth's decoder and oscillators, for the Swift tests.

    python golden.py ../../Tests/vectors/synth [--model MODEL.safetensors]

Without a model it also writes tiny.safetensors, a small decoder of random weights in the model file's format, and takes
that. Everything is computed in float64 and stored as float32.

tiny.safetensors     width 32, state 32, four instruments, made-up profiles
decoder.safetensors  pitch, loudness [3, 40] and embedding [3, 40, 16] of 3 voices × 40 frames; u, v, state, w (the
                     layers' outputs), logs [3, 40, 193] (before clamping), harmonics [3, 40, 128], noise [3, 40, 65]
audio.safetensors    f0 [101] and amplitudes [101, 128] of 101 frames and audio [19200]: the sum of harmonics at 48 kHz, f0
                     and amplitudes linear between frames, phase the exact integral of f0 from 0 at the first sample
"""

import argparse
import pathlib

import numpy as np
import safetensors.torch
import torch

import export
import network

TINY = ["violin", "cello", "flute", "nylon-guitar"]


def tiny_model(path):
    torch.manual_seed(3)
    decoder = network.Decoder(32, 32, len(TINY))
    with torch.no_grad():
        for name, value in decoder.named_parameters():
            if "norm" in name:
                value += 0.2 * torch.randn_like(value)
        number = torch.arange(1, network.HARMONICS + 1)
        decoder.head.weight *= 3
        decoder.head.bias[: network.HARMONICS] += -1.2 * torch.log10(number.float())
        decoder.head.bias[network.HARMONICS:] += -4
        # A few outputs lie beyond the clamps.
        decoder.head.bias[[0, 100, 128, 180]] += torch.tensor([2.5, -5.0, 5.0, -5.0])
    count = len(TINY)
    plucked = np.array([0, 0, 0, 1])
    age = np.concatenate([0.004 * np.arange(64), 0.252 + 0.064 * np.arange(1, 33)])
    rise = 20 * np.log10(1 - np.exp(-(age + 0.004) / 0.03))
    decay = 6 - 20 * age
    attack = np.where(plucked[:, None, None] > 0, decay, rise) + np.array([-2, -1, 0, 1.0])[None, :, None]
    profiles = dict(
        range=np.array([[55, 98], [36, 79], [59, 96], [40, 84]]),
        loudness=np.array([-40, -32, -26, -22.0])[None] + np.arange(count)[:, None],
        attack=attack.clip(-60), sustains=1 - plucked,
        release=np.tile((-0.016 * np.arange(32) * 150).clip(-60), (count, 1)),
        vibrato=np.array([[5.8, 22], [5.3, 22], [5.2, 16], [5, 6]]))
    export.write_model(path, decoder, profiles, TINY)


def decoder_vectors(decoder):
    decoder = decoder.double()
    # float32 holds Ω; float64 sums start from what the file says.
    random = np.random.default_rng(7)
    frames = np.arange(40)
    pitch = np.stack([60 + 0.3 * np.sin(frames * 0.15), np.linspace(31, 43, 40), np.linspace(88, 103, 40)])
    loudness = np.stack([np.linspace(-60, -20, 40), -25 + 5 * np.sin(frames * 0.3), np.linspace(-12, -95, 40)])
    weights = random.dirichlet(np.full(decoder.embedding.shape[0], 0.3), size=(3, 2))
    morph = np.linspace(0, 1, 40)[None, :, None]
    weights = weights[:, :1] * (1 - morph) + weights[:, 1:] * morph
    with torch.no_grad():
        embedding = torch.from_numpy(weights) @ decoder.embedding
        pitch, loudness, embedding = (
            torch.as_tensor(x).float().double() for x in (pitch, loudness, embedding))
        kept = {}
        def keep(name):
            return lambda module, inputs, output: kept.__setitem__(
                name, torch.nn.functional.leaky_relu(output, 0.2))
        hooks = [norm.register_forward_hook(keep(name)) for name, norm in
                 (("u", decoder.in_norm), ("v", decoder.mid_norm), ("w", decoder.post_norm))]
        logs, states = decoder(pitch, loudness, embedding)
        for hook in hooks:
            hook.remove()
        harmonics, noise = decoder.impose(logs, pitch, loudness)
    return dict(pitch=pitch, loudness=loudness, embedding=embedding, state=states, logs=logs, harmonics=harmonics,
                noise=noise, **kept)


def audio_vectors():
    frames = 101
    time = np.arange(frames) * network.HOP / network.RATE
    f0 = 80 * 5 ** (time / time[-1]) * 2 ** (0.5 / 12 * np.sin(2 * np.pi * 6 * time))
    f0 = f0.astype(np.float32).astype(np.float64)
    number = np.arange(1, network.HARMONICS + 1)
    amplitudes = 0.25 * number ** -1.1 * (1 + 0.8 * np.sin(time[:, None] * (20 + 3 * number) + number))
    amplitudes *= np.minimum(1, time / 0.02)[:, None]
    amplitudes *= network.fade(torch.from_numpy(f0[:, None] * number)).numpy()
    amplitudes = amplitudes.astype(np.float32).astype(np.float64)
    return dict(f0=f0, amplitudes=amplitudes, audio=harmonic_audio(f0, amplitudes))


def harmonic_audio(f0, amplitudes):
    """[(frames − 1) · 192] float64 samples of frame-wise f0 [frames] (Hz) and amplitudes [frames, K]."""
    hop = network.HOP
    x = np.arange(hop) / hop
    cycles = np.concatenate([[0], np.cumsum((f0[:-1] + f0[1:]) / 2)]) * (hop / network.RATE)
    inside = f0[:-1, None] * x + (f0[1:] - f0[:-1])[:, None] * x**2 / 2
    phase = 2 * np.pi * (cycles[:-1, None] + inside * (hop / network.RATE)).reshape(-1)
    audio = np.zeros_like(phase)
    for k in range(amplitudes.shape[1]):
        a = amplitudes[:, k]
        audio += (a[:-1, None] + (a[1:] - a[:-1])[:, None] * x).reshape(-1) * np.sin((k + 1) * phase)
    return audio


def save(path, tensors):
    safetensors.torch.save_file({k: torch.as_tensor(v).float().contiguous() for k, v in tensors.items()}, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, help="golden vectors of this model, in FOLDER/NAME.golden.safetensors")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.model:
        save(arguments.folder / f"{arguments.model.stem}.golden.safetensors",
             decoder_vectors(export.read_model(arguments.model)))
        return
    tiny_model(arguments.folder / "tiny.safetensors")
    save(arguments.folder / "decoder.safetensors", decoder_vectors(export.read_model(arguments.folder / "tiny.safetensors")))
    save(arguments.folder / "audio.safetensors", audio_vectors())


if __name__ == "__main__":
    main()
