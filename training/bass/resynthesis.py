"""Latents to sound, as the product makes it; and what is measured of it.

    python resynthesis.py --sounds work/sounds --songs work/songs --autoencoder MODEL --output work/resynthesis \
        [--generator MODEL --steps 4 --guidance 2.5 --distilled] [--spectral work/spectral/last.pt]

Prints, for passages of basses that no training uses: the multi-scale spectral distance of what comes out of the autoencoder
(with the true line and with the line it hears), beside that of the passages' mean spectrum and of the comparison decoder
(spectral_decoder.py); and how often the timbre of a reference is found again, among 16, in lines that were generated with it, each
for four songs. Writes a few WAV files to OUTPUT to listen to.
"""

import argparse
import json
import pathlib

import numpy as np
import scipy.signal
import soundfile
import torch

import autoencoder
import dataset
import decoding
import evaluate
import export
import frontend
import sampling
import train_spectral
from autoencoder import CONTROL_STEPS, LATENTS, LINE

import losses
import network
import synthesis

RATE = network.RATE


@torch.no_grad()
def spoken(coder, latents, pitch, loudness):
    """Audio [samples] at 48 kHz of latents [1, T, 24] with pitch and loudness (numpy) at control frames."""
    pitch, loudness = (torch.as_tensor(np.asarray(x)).float()[None] for x in (pitch, loudness))
    logs, _ = coder.sound(pitch, loudness, latents)
    harmonics, noise = coder.sound.decoder.impose(logs, pitch, loudness)
    return synthesis.sound(network.hertz(pitch[0]), loudness, harmonics, noise, torch.Generator().manual_seed(1))[0].numpy()


@torch.no_grad()
def audio_of(coder, latents):
    """Audio at 48 kHz of latents [1, T, 24], and the line that is heard in them."""
    pitch, loudness, notes = decoding.decode(*[x[0].numpy() for x in coder.line_head(latents)])
    level = np.where(pitch > 0, loudness, np.minimum(loudness, -60))
    return spoken(coder, latents, *decoding.control_frames(pitch, level, latents.shape[1] * CONTROL_STEPS)), pitch, notes


@torch.no_grad()
def encoded(coder, audio):
    """Latents of audio at 48 kHz."""
    low = scipy.signal.resample_poly(audio, 1, 2).astype(np.float32)
    return coder.encode(torch.from_numpy(frontend.features(low, len(low) // frontend.FRAME))[None])


def distance(a, b):
    """Multi-scale spectral distance of sounds."""
    n = min(len(a), len(b))
    return float(losses.spectral(torch.from_numpy(a[:n]).float()[None], torch.from_numpy(b[:n]).float()[None]))


def mean_spectrum(coder, pitch, loudness, harmonics, noise):
    """The passage's own mean spectrum, following pitch and loudness: what a network has to beat."""
    loud = loudness > -45
    logs = torch.from_numpy(np.concatenate([harmonics[loud].mean(0), noise[loud].mean(0)]).astype(np.float32)).clamp(-8, 2)
    pitch, loudness = torch.from_numpy(pitch)[None], torch.from_numpy(loudness)[None]
    a, n = coder.sound.decoder.impose(logs.expand(1, pitch.shape[1], -1), pitch, loudness)
    return synthesis.sound(network.hertz(pitch[0]), loudness, a, n, torch.Generator().manual_seed(1))[0].detach().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=pathlib.Path, required=True)
    parser.add_argument("--songs", type=pathlib.Path, required=True)
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--generator", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--spectral", type=pathlib.Path, help="train_spectral.py's checkpoint")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--distilled", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    coder = export.read(arguments.autoencoder)
    spectral = train_spectral.load(arguments.spectral) if arguments.spectral else None
    columns = ["true line", "heard line", "timbre of another passage", "mean spectrum"] + ["comparison decoder"] * bool(spectral)
    results, references = {}, []
    for kind in ("test", "font", "timbre"):
        rows = []
        for path in sorted(arguments.sounds.glob(f"{kind}-*.npz")):
            with np.load(path) as item:
                features = torch.from_numpy(item["features"].astype(np.float32))
                original = item["audio"].astype(np.float32) / 32767
                latents = coder.encode(features)
                references.append((str(item["choice"]), latents[1, :, LINE:].mean(0), latents[0:1]))
                # The timbre is taken from the other passage in the last column.
                true = spoken(coder, latents[:1], item["pitch"][0], item["loudness"][0])
                heard, _, _ = audio_of(coder, latents[:1])
                swapped = spoken(coder, autoencoder.swap(latents[:1], latents[1:]), item["pitch"][0], item["loudness"][0])
                flat = mean_spectrum(coder, item["pitch"][0], item["loudness"][0], item["harmonics"][0].astype(np.float32), item["noise"][0].astype(np.float32))
                found = [true, heard, swapped, flat]
                if spectral:
                    with torch.no_grad():
                        found.append(spectral(latents[:1])[0].numpy())
                rows.append([distance(x, original[0]) for x in found])
                if len(rows) <= 3:
                    soundfile.write(arguments.output / f"{path.stem}-original.wav", original[0], RATE)
                    soundfile.write(arguments.output / f"{path.stem}-autoencoder.wav", heard, RATE)
                    if spectral:
                        soundfile.write(arguments.output / f"{path.stem}-comparison.wav", found[-1], RATE)
        if rows:
            results[kind] = dict(zip(columns, np.mean(rows, 0).round(3).tolist()))
            print(kind, len(rows), results[kind], flush=True)
    references = references[:: max(1, len(references) // 16)][:16]
    means = torch.stack([r[1] for r in references])

    def nearest(audio):
        timbre = encoded(coder, audio)[0, :, LINE:].mean(0)
        return int(((means - timbre) ** 2).sum(1).argmin())
    hits = []
    for i in range(len(references)):
        line = references[(i + 5) % len(references)][2]
        grounded = sampling.grounded(line, means[i], 1.0)
        hits.append(nearest(audio_of(coder, grounded)[0]) == i)
    results["style, other lines grounded: top 1 of 16"] = float(np.mean(hits))
    print("style, other lines grounded: top 1 of 16", np.mean(hits), flush=True)
    if arguments.generator:
        model = export.read(arguments.generator)
        songs = evaluate.held_out_songs(arguments.songs, ["test"])[: 4 * len(references)]
        hits, shifts, frames = [], [], 128
        for i, song in enumerate(songs):
            wanted = i % len(references)
            c = model.hear_chords(evaluate.conditions(song, song, frames, True, False))
            noise = torch.randn(1, frames, LATENTS, generator=torch.Generator().manual_seed(i))
            how = dict(steps=arguments.steps, guidance=arguments.guidance, distilled=arguments.distilled)
            styled = sampling.sample(model, c, noise, style=means[wanted], strength=1.0, **how)
            audio, pitch, _ = audio_of(coder, styled)
            free_pitch = evaluate.from_latents(coder, sampling.sample(model, c, noise, **how)).pitch
            hits.append(nearest(audio) == wanted)
            shifts.append(pitch[pitch > 0].mean() - free_pitch[free_pitch > 0].mean())
            if i < 8:
                mix, _ = soundfile.read(song.path.with_suffix(".flac"), dtype="float32")
                mix = scipy.signal.resample_poly(mix[:, 0], 2, 1)
                n = min(len(mix), len(audio))
                soundfile.write(arguments.output / f"{song.name}-mixed.wav", 0.6 * mix[:n] + 0.8 * audio[:n], RATE)
        results["style, generated: takes"] = len(hits)
        results["style, generated: top 1 of 16"] = float(np.mean(hits))
        results["register's shift by the style, semitones: mean of absolute values"] = float(np.nanmean(np.abs(shifts)))
        print({k: v for k, v in results.items() if "style" in k}, flush=True)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
