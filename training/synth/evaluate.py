"""Resyntheses of held-out phrases, judged beside a baseline without a network; figures for the model card.

    python evaluate.py MODEL.safetensors --data work/data --output work/evaluation [--kind test] [--no-pitch]

For every instrument: the multi-scale spectral loss of the model; of the baseline (the instrument's mean harmonic and noise
spectrum over its training phrases, scaled to the loudness: means of amplitudes, and as a second one means of their logs);
of the phrase's own measured spectra (`floor`: what this way of making sound reaches without a network in between); and of
two sounds of those same spectra, which differ in the draw of their noise alone (`draws`: what chance costs by itself);
the mean absolute error of loudness where the phrase is above −70 dB, and that of f0 as CREPE
(tiny) hears it where its confidence is 0.85 or more, beside what it finds on the recording itself. Writes
OUTPUT/KIND.json and OUTPUT/KIND-NAME.wav (recording, resynthesis, baseline one after another, for listening).
"""

import argparse
import json
import pathlib

import numpy as np
import soundfile
import torch

import export
import losses
import measure
import network
import synthesis
from dataset import Phrases
from instruments import NAMES


def mean_spectra(folder):
    """Two baselines, each [N, 193] log10: means of relative amplitudes, and means of their logs."""
    cache = folder / "means.npz"
    if not cache.exists():
        data = Phrases(folder, "train")
        linear, logarithmic = np.zeros((len(NAMES), 193)), np.zeros((len(NAMES), 193))
        for row in range(len(NAMES)):
            parts = [data.phrase(i) for i, instrument in enumerate(data.instrument) if instrument == row]
            rows = torch.cat([torch.arange(p.start, p.stop)[data.sounds[p]] for p in parts])
            logs = torch.cat([data.harmonics[rows], data.noise[rows]], 1).float()
            there = torch.cat([data.f0[rows, None] * torch.arange(1, 129) < network.FADE_FROM,
                               torch.ones(len(rows), 65, dtype=torch.bool)], 1).float()
            count = there.sum(0).clamp(min=1)
            linear[row] = torch.log10(((10**logs * there).sum(0) / count).clamp(min=1e-9))
            logarithmic[row] = (logs.clamp(min=-7) * there).sum(0) / count
        np.savez(cache, linear=linear, logarithmic=logarithmic)
    kept = np.load(cache)
    return [torch.from_numpy(kept[name]).float() for name in ("linear", "logarithmic")]


def crepe(audio):
    """(f0, confidence) every 10 ms of 48 kHz audio."""
    import sys
    import types
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))  # torchcrepe needs it only to read files
    import scipy.signal
    import torchcrepe
    low = torch.from_numpy(scipy.signal.resample_poly(audio.astype(np.float64), 1, 3)).float()[None]
    f0, confidence = torchcrepe.predict(low, 16000, hop_length=160, fmin=32, fmax=1970, model="tiny",
                                        decoder=torchcrepe.decode.weighted_argmax, return_periodicity=True, batch_size=512)
    return f0[0].numpy(), confidence[0].numpy()


def pitch_errors(audio, f0):
    """Mean absolute error in semitones against f0 (Hz, 4 ms frames), frames counted, those over 12 semitones."""
    heard, confidence = crepe(audio)
    instants = np.minimum(np.arange(len(heard)) * 0.01 / 0.004, len(f0) - 1)
    true = f0[np.round(instants).astype(int)]
    use = (confidence >= 0.85) & (true > 32) & (true < 1970)
    error = np.abs(12 * np.log2(heard[use] / true[use]))
    return [float(error.sum()), int(use.sum()), int((error > 12).sum())]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--kind", default="test")
    parser.add_argument("--no-pitch", action="store_true")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    decoder = export.read_model(arguments.model)
    means = mean_spectra(arguments.data)
    data = Phrases(arguments.data, arguments.kind, audio=True)
    results = {name: [] for name in NAMES}
    listening = {}
    for index, instrument in enumerate(data.instrument):
        part = data.phrase(index)
        pitch, loudness, f0 = data.pitch[part][None], data.loudness[part][None], data.f0[part][None]
        recording = torch.from_numpy(data.audio[index].astype(np.float32) / 32767)
        embedding = decoder.embedding[instrument].expand(1, pitch.shape[1], -1)
        measured = torch.cat([data.harmonics[part], data.noise[part]], 1).float()[None]
        spectra = [decoder(pitch, loudness, embedding)[0], measured]
        spectra += [mean[instrument].expand(1, pitch.shape[1], -1) for mean in means] + [measured]
        amplitudes, densities = decoder.impose(torch.cat(spectra), pitch, loudness)
        made = synthesis.sound(f0[0], loudness, amplitudes, densities, torch.Generator().manual_seed(index))
        made = torch.round(made * 32767) / 32767  # 16 bits, like the recording
        wanted = recording[: len(made[0])]
        distances = [losses.spectral(sound[None], wanted[None]).item() for sound in made[:4]]
        distances.append(losses.spectral(made[4:5], made[1:2]).item())
        heard = measure.loudness(made[0].numpy(), pitch.shape[1] - 1)
        level = loudness[0, :-1].numpy()
        loud = level > -70
        line = dict(zip(("spectral", "floor", "baseline", "baseline_log", "draws"), distances),
                    loudness=float(np.abs(heard - level)[loud].mean()))
        if not arguments.no_pitch:
            line["pitch"] = pitch_errors(made[0].numpy(), f0[0].numpy())
            line["pitch_recording"] = pitch_errors(wanted.numpy(), f0[0].numpy())
        results[NAMES[instrument]].append(line)
        gap = torch.zeros(network.RATE // 2)
        listening.setdefault(NAMES[instrument], torch.cat([wanted, gap, made[0], gap, made[2]]).numpy())
    table = {}
    for name, lines in results.items():
        mean = lambda key: float(np.mean([line[key] for line in lines]))
        row = {key: mean(key) for key in ("spectral", "draws", "floor", "baseline", "baseline_log", "loudness")}
        row["reduction"] = 1 - row["spectral"] / row["baseline"]
        if not arguments.no_pitch:
            for key in ("pitch", "pitch_recording"):
                total, count, far = np.sum([line[key] for line in lines], 0)
                row[key], row[key + "_frames"], row[key + "_far"] = total / max(1, count), int(count), int(far)
        table[name] = row
        soundfile.write(arguments.output / f"{arguments.kind}-{name}.wav", listening[name], network.RATE, subtype="PCM_16")
    keys = [k for k in next(iter(table.values())) if not k.endswith(("_frames", "_far"))]
    table["mean"] = {k: float(np.mean([row[k] for row in table.values()])) for k in keys}
    table["mean"]["reduction"] = 1 - table["mean"]["spectral"] / table["mean"]["baseline"]
    (arguments.output / f"{arguments.kind}.json").write_text(json.dumps(table, indent=1))
    print(" " * 16, *(k.rjust(15) for k in keys))
    for name, row in table.items():
        print(name.ljust(16), *(f"{row[k]:15.3f}" for k in keys))


if __name__ == "__main__":
    main()
