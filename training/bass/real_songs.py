"""How the model's lines fit recordings of real music, against lines it played for other mixes.

    python real_songs.py --autoencoder MODEL --generator MODEL --output work/real [--stems SONG.stem.mp4 …] [--mixes FILE …] \
        [--songs work/songs] [--steps 4 --guidance 2.5 --distilled] [--takes 40]

--stems: Native Instruments' stem files (mix, drums, bass, other, voice; decoded by ffmpeg), heard without their bass, which is
scored too; --mixes: any recordings. Nothing is known of them: neither beat nor chords. Two measures, of each take:

    chroma   of the mix's energy (C2 to C6) where the line sounds, the share at the line's pitch class (1/12 by chance)
    onsets   F1 (± 50 ms) of the line's onsets and the mix's (peaks of the rise of its mel bands)

"Shuffled" are takes that the model plays for another song's mix (the test songs'), scored against this one. p: the share of
20,000 random relabellings of takes that separate them as well or better. One recording is one recording: p speaks of the takes.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np
import scipy.signal
import torch

import dataset
import decoding
import evaluate
import export
import frontend
import sampling
from autoencoder import LATENTS
from decoding import STEP


def decoded(path, stream=0):
    """Mono sound [samples] at 24 kHz of a stream of a file."""
    out = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:a:{stream}", "-ac", "1", "-ar", str(frontend.RATE),
                          "-f", "f32le", "-"], check=True, capture_output=True).stdout
    return np.frombuffer(out, np.float32)


def mix_onsets(features):
    """Seconds at which the mix's mel bands rise, from features [F, 416]."""
    bands = features[:, 2 * frontend.TONAL_BANDS:].reshape(-1, frontend.RHYTHM_BANDS)  # every 12 ms
    rise = np.append(0, np.maximum(0, np.diff(bands, axis=0)).mean(1))
    peaks, _ = scipy.signal.find_peaks(rise, height=rise.mean() + rise.std(), distance=6)
    return (peaks + 0.5) * 0.012


def chroma(features):
    """[2 F, 12] shares of the mix's energy, every 24 ms."""
    power = evaluate.chroma_of(features)
    return power / (power.sum(1, keepdims=True) + 1e-9)


def scores(line, shares, onsets):
    at = np.minimum(((np.arange(len(line.pitch)) + 0.5) * STEP / 0.024).astype(int), len(shares) - 1)
    sounding = line.pitch > 0
    here = shares[at[sounding], np.round(line.pitch[sounding]).astype(int) % 12]
    return float(here.mean()) if sounding.any() else 0.0, decoding.f1(line.onsets, onsets)


def takes(model, coder, mixes, count, how):
    """`count` lines, the mixes (features [F, 416]) taken in turns."""
    lines = []
    for n in range(count):
        mix = torch.from_numpy(mixes[n % len(mixes)])[None]
        frames = mix.shape[1]
        c = model.hear_chords(sampling.unconditional(frames)._replace(mix=mix, mix_known=torch.ones(1, frames, 1)))
        noise = torch.randn(1, frames, LATENTS, generator=torch.Generator().manual_seed(n))
        lines.append(evaluate.from_latents(coder, sampling.sample(model, c, noise, **how)))
    return lines


def separation(ours, others, rng, rounds=20000):
    """The share of random relabellings whose means lie as far apart or farther, in this direction."""
    every = np.concatenate([ours, others])
    wanted = np.mean(ours) - np.mean(others)
    ranked = rng.random((rounds, len(every))).argsort(1)[:, : len(ours)]
    means = every[ranked].mean(1)
    rest = (every.sum() - means * len(ours)) / len(others)
    return float((1 + (means - rest >= wanted - 1e-12).sum()) / (rounds + 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("autoencoder", "generator", "output", "songs"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--stems", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--mixes", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--takes", type=int, default=40)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--distilled", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    coder, model = export.read(arguments.autoencoder), export.read(arguments.generator)
    how = dict(steps=arguments.steps, guidance=arguments.guidance, distilled=arguments.distilled)
    recordings = {}
    for path in arguments.stems:
        drums, bass, other, voice = (decoded(path, n) for n in (1, 2, 3, 4))
        recordings[path.name] = drums + other + voice, bass
    for path in arguments.mixes:
        recordings[path.name] = decoded(path), None
    strangers = evaluate.held_out_songs(arguments.songs, ["test"])
    results, rng = {}, np.random.default_rng(1)
    for name, (mix, bass) in recordings.items():
        mix = mix * 10 ** (-20 / 20) / (np.sqrt((mix**2).mean()) + 1e-9)
        frames = len(mix) // frontend.FRAME
        features = frontend.features(mix.astype(np.float32), frames)
        shares, onsets = chroma(features), mix_onsets(features)
        foreign = [dataset.mixed(s, s.banks, 100, frames, [0.0] * s.stems) for s in strangers if s.frames >= 100 + frames][: arguments.takes]
        ours = np.array([scores(x, shares, onsets) for x in takes(model, coder, [features], arguments.takes, how)])
        theirs = np.array([scores(x, shares, onsets) for x in takes(model, coder, foreign, arguments.takes, how)])
        found = dict(seconds=len(mix) / frontend.RATE, takes=arguments.takes)
        if bass is not None:
            real = frontend.features((bass * 10 ** (-20 / 20) / (np.sqrt((bass**2).mean()) + 1e-9)).astype(np.float32), frames)
            with torch.no_grad():
                found["its own bass"] = scores(evaluate.from_latents(coder, coder.encode(torch.from_numpy(real)[None])), shares, onsets)
        for i, measure in enumerate(("chroma", "onsets")):
            found[measure] = dict(model=ours[:, i].mean(), shuffled=theirs[:, i].mean(), p=separation(ours[:, i], theirs[:, i], rng))
        results[name] = found
        print(name, json.dumps(found, default=lambda x: round(float(x), 4)), flush=True)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1, default=float))


if __name__ == "__main__":
    main()
