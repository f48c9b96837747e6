"""Fréchet distance between the model's basses and rendered ones as sound, beside the autoencoder's own (its ceiling): what comes out
of the same decoder when the latents are a true line's.

    python frechet.py --data work/songs --embedding work/embedding.pt --autoencoder MODEL --generator MODEL --output work/frechet \
        [--kinds test font timbre] [--steps 4 --guidance 2.5 --distilled] [--regressor CHECKPOINT] [--seconds 60]

Each second of sound is a point, in the 32 numbers of embedding.py and, as a cross-check, in the means and deviations of 13
cepstral coefficients (cosines of the 32 mel bands in dB). The reference is the songs' other lines by their other bass, so that no
set holds what the reference holds; the ceiling is line 0 by the first bass through the autoencoder, and "rendered" the same without
it; "model, styled" has the timbres of basses of training songs. Points are kept in OUTPUT, named after the weights they come from,
so that only what is missing is made. Intervals: 95 %, bootstrap over songs. Prints and writes OUTPUT/results.json.
"""

import argparse
import json
import pathlib
import zlib

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
import torch

import dataset
import embedding
import evaluate
import export
import frontend
import resynthesis
from autoencoder import LINE
from embedding import FRAMES

QUIET = -50.0  # dB, power of the mel bands: seconds below it are nobody's sound


def frechet(a, b):
    """Squared Fréchet distance of Gaussians fitted to the rows of a and of b."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of the root of the product, by eigenvalues: those of a product of two covariances are real and ≥ 0.
    root = np.sqrt(np.maximum(scipy.linalg.eigvals(first @ second).real, 0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * root)


def points(network, features):
    """([N, 32], [N, 26]) of the seconds that are no silence, of features [F, 416]."""
    features = features[: len(features) // FRAMES * FRAMES].reshape(-1, FRAMES, frontend.FEATURES)
    bands = (features[..., 2 * frontend.TONAL_BANDS:].reshape(len(features), 4 * FRAMES, frontend.RHYTHM_BANDS) - 1) * 40
    loud = 10 * np.log10((10 ** (bands / 10)).sum(2).mean(1)) > QUIET
    with torch.no_grad():
        numbers = network(torch.from_numpy(features[loud])).numpy()
    cepstra = scipy.fft.dct(bands[loud], norm="ortho")[..., :13]
    return numbers, np.concatenate([cepstra.mean(1), cepstra.std(1)], 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "embedding", "autoencoder", "generator", "output"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=["test", "font", "timbre"])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--distilled", action="store_true")
    parser.add_argument("--regressor", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60, help="at most, of each song")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    coder, model, network = export.read(arguments.autoencoder), export.read(arguments.generator), embedding.load(arguments.embedding)
    regressor = evaluate.load_generator(arguments.regressor) if arguments.regressor else None
    how = dict(steps=arguments.steps, guidance=arguments.guidance, beats=True, chords=False, distilled=arguments.distilled)
    songs = {kind: evaluate.held_out_songs(arguments.data, [kind]) for kind in arguments.kinds}

    def stored(song, line, sound, frames):
        return dataset.features(np.asarray(song.banks[song.render(line, sound), :frames]))

    def sounded(latents, frames):
        """Features of what the decoder makes of latents."""
        audio = scipy.signal.resample_poly(resynthesis.audio_of(coder, latents[:, :frames])[0], 1, 2).astype(np.float32)
        return frontend.features(audio, len(audio) // frontend.FRAME)

    def encoded(song, frames):
        with torch.no_grad():
            return coder.encode(torch.from_numpy(stored(song, 0, 0, None))[None])
    training = dataset.songs(arguments.data, "train", 300)

    def styled(song, frames):
        """The model's line by the timbre of a training song's bass, drawn by chance."""
        rng = np.random.default_rng(zlib.crc32(song.name.encode()))
        other = training[int(rng.integers(len(training)))]
        with torch.no_grad():
            timbre = coder.encode(torch.from_numpy(stored(other, 0, int(rng.integers(other.sounds)), None))[None])[0, :, LINE:].mean(0)
        return sounded(evaluate.generated_latents(model, song, how, frames=frames, style=timbre), frames)
    makers = {"reference": lambda song, frames: np.concatenate([stored(song, n, 1, frames // FRAMES * FRAMES) for n in range(1, song.lines)]),
              "rendered": lambda song, frames: stored(song, 0, 0, frames),
              "autoencoder": lambda song, frames: sounded(encoded(song, frames), frames),
              "model": lambda song, frames: sounded(evaluate.generated_latents(model, song, how, frames=frames), frames),
              "model, styled": styled}
    if regressor:
        makers["regressor"] = lambda song, frames: sounded(evaluate.regressed_latents(regressor, song, frames=frames), frames)
    sources = {"reference": (), "rendered": (), "autoencoder": (arguments.autoencoder,), "model": (arguments.autoencoder, arguments.generator),
               "model, styled": (arguments.autoencoder, arguments.generator), "regressor": (arguments.autoencoder, arguments.regressor)}
    results, made = {}, {}
    for name, make in makers.items():
        for kind in arguments.kinds:
            mark = zlib.crc32(b"".join(p.read_bytes() for p in (arguments.embedding, *sources[name])) + repr((how, arguments.seconds)).encode())
            path = arguments.output / f"{name}-{kind}-{mark:08x}.npz"
            if not path.exists():
                kept = {}
                for i, song in enumerate(songs[kind]):
                    numbers, cepstra = points(network, make(song, min(song.frames, round(arguments.seconds / 0.048))))
                    kept[f"{i:04d} numbers"], kept[f"{i:04d} cepstra"] = numbers, cepstra
                np.savez(path, **kept)
            with np.load(path) as kept:
                made[name, kind] = [(kept[f"{i:04d} numbers"], kept[f"{i:04d} cepstra"]) for i in range(len(songs[kind]))]
            print(name, kind, sum(len(n) for n, _ in made[name, kind]), "seconds", flush=True)
    for group in [[k] for k in arguments.kinds] + [arguments.kinds]:
        label = "+".join(group)
        every = {name: [p for kind in group for p in made[name, kind]] for name in makers}
        count = len(every["reference"])
        for space, which in (("embedding", 0), ("cepstra", 1)):
            def distance(name, rows):
                return frechet(np.concatenate([every[name][i][which] for i in rows]), np.concatenate([every["reference"][i][which] for i in rows]))
            line = dict(seconds=sum(len(p[0]) for p in every["model"]), **{name: distance(name, np.arange(count)) for name in makers if name != "reference"})
            draws = np.random.default_rng(1).integers(count, size=(60, count))
            ceilings = [distance("autoencoder", r) for r in draws]
            for name in ("model", "model, styled"):
                ratios = [distance(name, r) / ceiling for r, ceiling in zip(draws, ceilings)]
                line[f"{name}: ratio"] = [line[name] / line["autoencoder"], *np.percentile(ratios, [2.5, 97.5])]
            results[f"{label}, {space}"] = line
            print(label, space, {k: np.round(v, 3).tolist() for k, v in line.items()}, flush=True)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
