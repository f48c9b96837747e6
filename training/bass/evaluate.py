"""Evaluates the generator (and the autoencoder) on songs that no training uses, beside the baselines.

    python evaluate.py --data work/songs --autoencoder ../../models/continuo-bass-autoencoder.safetensors \
        --generator ../../models/continuo-bass-generator.safetensors --output work/evaluation --kinds test font timbre \
        --steps 4 --guidance 2.5 --distilled [--regressor work/regressor/last.pt] [--parts model diversity]

Songs are played in takes of 256 frames (12.3 s); clips are 5 s. Intervals: 95 %, bootstrap over clips. The beat is known to
the model unless --no-beat; the chords are those that the mix encoder hears, unless --chords. The first test songs, which
training and choices looked at, are left out. Parts: the autoencoder; the baselines, which no model plays; the model, with its
own mix and with another song's; the regressor, and what the flow takes for the mean (at t = 1 it is taught as a regression);
diversity, of 40 songs' four real lines and of four seeds'; spread, what guidance does to the latents. Prints, and writes
OUTPUT/results.json, of which parts that are not asked for stay.
"""

import argparse
import json
import pathlib

import numpy as np
import torch

import autoencoder
import dataset
import decoding
import export
import frontend
import generator
import metrics
import sampling
import train_regressor
from autoencoder import LATENTS, STEPS
from dataset import SILENT
from decoding import STEP

PARTS = ("autoencoder", "baselines", "model", "regressor", "diversity", "spread")
FRAMES = 256
CLIP = int(5 / STEP)


class Line:
    """A line for a song: pitch per step from the song's beginning (0: silent), onsets in seconds."""

    def __init__(self, pitch, onsets):
        self.pitch, self.onsets = pitch, np.sort(np.asarray(onsets, np.float64))


def true_line(song, line=0, sound=0):
    loudness = song.loudness[line * song.sounds + sound].astype(np.float32)
    return Line(np.where((loudness > SILENT) & (song.pitch[line] > 0), song.pitch[line], 0), song.onsets[line])


def fitted(line, steps):
    """Cut or padded with silence."""
    return Line(np.pad(line.pitch[:steps], (0, max(0, steps - len(line.pitch)))), line.onsets[line.onsets < steps * STEP])


@torch.no_grad()
def from_latents(coder, latents):
    pitch, _, notes = decoding.decode(*[x[0].numpy() for x in coder.line_head(latents)])
    return Line(pitch, decoding.onset_times(notes))


@torch.no_grad()
def through_autoencoder(coder, song, line=0, sound=0):
    features = dataset.features(np.asarray(song.banks[song.render(line, sound)]))
    return from_latents(coder, coder.encode(torch.from_numpy(features)[None]))


def conditions(song, other, frames, beats, chords):
    """What is known of a song, from another's mix where that differs."""
    times = dataset.frame_times(0, frames)
    mix = dataset.mixed(other, other.banks, 0, min(frames, other.frames), [0.0] * other.stems)
    mix = np.pad(mix, ((0, frames - len(mix)), (0, 0)), mode="edge")
    c = sampling.unconditional(frames)._replace(mix=torch.from_numpy(mix)[None], mix_known=torch.ones(1, frames, 1))
    if beats:
        c = c._replace(beat=torch.from_numpy(dataset.beats_known(other, times))[None])
    if chords:
        c = c._replace(chords=torch.from_numpy(dataset.chords_known(other, times))[None])
    return c


def load_generator(path):
    """The generator of a checkpoint."""
    kept = torch.load(path, weights_only=True, map_location="cpu")
    model = generator.Generator(**kept["sizes"])
    model.load_state_dict(kept["model"])
    return model.eval()


def held_out_songs(folder, kinds, limit=None):
    """Songs of the kinds, without those that training and choices looked at."""
    return [s for kind in kinds for s in dataset.songs(folder, kind)[dataset.LOOKED_AT if kind == "test" else 0:][:limit]]


@torch.no_grad()
def generated_latents(model, song, how, other=None, seed=1, frames=None, style=None):
    """The model's latents [1, T, 24], take by take."""
    frames = frames or song.frames
    c = model.hear_chords(conditions(song, other or song, frames, how["beats"], how["chords"]))
    noise = torch.randn(1, frames, LATENTS, generator=torch.Generator().manual_seed(seed))
    return torch.cat([sampling.sample(model, c.map(lambda x: x[:, a: a + FRAMES]), noise[:, a: a + FRAMES], how["steps"], how["guidance"],
                                      style=style, distilled=how["distilled"]) for a in range(0, max(1, frames - 12), FRAMES)], 1)


def generated(model, coder, song, how, other=None, seed=1):
    """The model's line."""
    return from_latents(coder, generated_latents(model, song, how, other, seed))


@torch.no_grad()
def mean_latents(model, song, frames=None):
    """What the flow takes for the mean of all lines [1, T, 24], take by take: its estimate from noise alone, in one evaluation."""
    frames = frames or song.frames
    c = model.hear_chords(conditions(song, song, frames, True, False))
    noise = torch.randn(1, frames, LATENTS, generator=torch.Generator().manual_seed(1))
    return torch.cat([sampling.sample(model, c.map(lambda x: x[:, a: a + FRAMES]), noise[:, a: a + FRAMES], 1, 1.0)
                      for a in range(0, max(1, frames - 12), FRAMES)], 1)


@torch.no_grad()
def regressed_latents(model, song, frames=None):
    """The regressor's latents [1, T, 24], take by take, from the mix, the beat and what it hears."""
    frames = frames or song.frames
    c = model.hear_chords(conditions(song, song, frames, True, False))
    return torch.cat([train_regressor.regressed(model, model.listen(c.map(lambda x: x[:, a: a + FRAMES])))
                      for a in range(0, max(1, frames - 12), FRAMES)], 1)


def chroma_of(mix):
    """[2 F, 12] power per pitch class, C2 to C6, of features [F, 416]."""
    power = 10 ** ((mix[:, : 2 * frontend.TONAL_BANDS] - 1) * 4)
    return power.reshape(-1, frontend.TONAL_BANDS)[:, 23: 23 + 96].reshape(-1, 4, 12, 2).sum((1, 3))  # a semitone: the band below and its own


def mix_chroma(song):
    """[2 F, 12] power of the mix per pitch class and its rows' times."""
    power = chroma_of(dataset.mixed(song, song.banks, 0, song.frames, [0.0] * song.stems))
    return power, (np.arange(len(power)) + 0.5) * 0.024


def heuristic(song):
    """On every beat the strongest pitch class of the mix during it."""
    chroma, at = mix_chroma(song)
    pitch, onsets = np.zeros(song.frames * STEPS), []
    for begin, end in zip(song.beats[:-1], song.beats[1:]):
        here = chroma[(at >= begin) & (at < end)]
        if len(here):
            pitch[int(begin / STEP): int((begin + 0.9 * (end - begin)) / STEP)] = 36 + here.mean(0).argmax()
            onsets.append(begin)
    return Line(pitch, onsets)


class Retrieval:
    """The training set's line whose song is nearest in tempo, metre and (transposed) chroma, moved and stretched to fit."""

    def __init__(self, songs):
        self.songs = songs
        self.chroma = []
        for song in songs:
            mean = mix_chroma(song)[0].mean(0)
            self.chroma.append(np.sqrt(mean / mean.sum()))
        self.tempo = np.array([s.info["tempo"] for s in songs])
        self.beats = np.array([s.info["beats"] for s in songs])

    def line(self, song):
        mean = mix_chroma(song)[0].mean(0)
        mean = np.sqrt(mean / mean.sum())
        best = (-1, 0, 0)
        for i in np.flatnonzero((self.beats == song.info["beats"]) & (np.abs(np.log(self.tempo / song.info["tempo"])) < 0.12)):
            for shift in range(12):
                best = max(best, (float(mean @ np.roll(self.chroma[i], shift)), i, shift))
        other, shift = self.songs[best[1]], best[2]
        line = true_line(other)
        count = min(len(song.beats), len(other.beats))
        steps = (np.arange(song.frames * STEPS) + 0.5) * STEP
        source = np.interp(steps, song.beats[:count], other.beats[:count], left=-1, right=-1)
        index = np.clip((source / STEP).astype(int), 0, len(line.pitch) - 1)
        shift = shift - 12 if shift > 6 else shift
        pitch = np.where((source > 0) & (line.pitch[index] > 0), line.pitch[index] + shift, 0)
        inside = (line.onsets >= other.beats[0]) & (line.onsets < other.beats[count - 1])
        return Line(pitch, np.interp(line.onsets[inside], other.beats[:count], song.beats[:count]))


def clips(song, line):
    """Sums of harmony and rhythm per clip of 5 s."""
    out = []
    line = fitted(line, song.frames * STEPS)
    for a in range(0, len(line.pitch) - CLIP // 2, CLIP):
        begin, end = a * STEP, min(a + CLIP, len(line.pitch)) * STEP
        out.append(metrics.harmony(song, line.pitch[a: a + CLIP], a) | metrics.rhythm(song, line.onsets, begin, end))
    return out


def summary(rows):
    return metrics.rates(rows) | dict(rhythm=metrics.rhythm_f1(rows), notes=sum(r["onsets"] for r in rows) / max(1, sum(r["steps"] for r in rows)) / STEP)


def with_intervals(rows, rng, rounds=300):
    """Each rate with its 95 % interval over clips."""
    keys = list(rows[0])
    table = np.array([[r[k] for k in keys] for r in rows])
    samples = []
    for _ in range(rounds):
        total = table[rng.integers(len(table), size=len(table))].sum(0)
        samples.append(summary([dict(zip(keys, total))]))
    return {k: (v, *np.percentile([s[k] for s in samples], [2.5, 97.5])) for k, v in summary(rows).items()}


def spread(model, song, how, w, phi, distilled=False):
    """Standard deviation over time, mean over channels, of latents that eight steps give."""
    c = model.hear_chords(conditions(song, song, FRAMES, how["beats"], False))
    noise = torch.randn(1, FRAMES, LATENTS, generator=torch.Generator().manual_seed(3))
    return sampling.sample(model, c, noise, 8, w, phi, distilled=distilled)[0].std(0).mean().item()


def autoencoder_scores(coder, songs):
    scores = {}
    for song in songs:
        for sound in range(song.sounds):
            truth = dataset.line_targets(song, 0, sound, 0, song.frames)
            features = dataset.features(np.asarray(song.banks[song.render(0, sound)]))
            with torch.no_grad():
                found = decoding.decode(*[x[0].numpy() for x in coder.line_head(coder.encode(torch.from_numpy(features)[None]))])
            name = song.info["sounds"][sound]
            scores.setdefault(name if isinstance(name, str) else f"{name[0]} {name[1]}", []).append(
                decoding.score(found, truth, song.pitch[0], song.onsets[0]))
    every = [s for values in scores.values() for s in values]

    def mean(values):
        return {k: round(float(np.mean([s[k] for s in values])), 4) for k in values[0]}
    return mean(every) | {"each": {k: mean(v) for k, v in sorted(scores.items())}}


def diversity(model, coder, songs, how):
    """How unlike each other (`metrics.unlike`) four real lines of a song are, and the lines of four seeds."""
    pairs = [(a, b) for a in range(4) for b in range(a)]
    real, ours = [], []
    for song in songs:
        for found, lines in ((real, [true_line(song, n) for n in range(4)]), (ours, [generated(model, coder, song, how, seed=10 + n) for n in range(4)])):
            found += [metrics.unlike((lines[a].pitch, lines[a].onsets), (lines[b].pitch, lines[b].onsets)) for a, b in pairs]
    return dict(songs=len(songs), real=np.mean(real, 0).tolist(), ours=np.mean(ours, 0).tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--generator", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=["test"])
    parser.add_argument("--songs", type=int, help="at most so many of each kind")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--no-beat", action="store_true")
    parser.add_argument("--chords", action="store_true", help="the chart's chords are given")
    parser.add_argument("--distilled", action="store_true", help="the network takes step size and guidance itself")
    parser.add_argument("--regressor", type=pathlib.Path, help="train_regressor.py's checkpoint")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    coder = export.read(arguments.autoencoder)
    path = arguments.output / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}

    def keep(**found):
        results.update(found)
        path.write_text(json.dumps(results, indent=1))
    if "autoencoder" in arguments.parts:
        scores = {kind: autoencoder_scores(coder, held_out_songs(arguments.data, [kind], 24)) for kind in arguments.kinds}
        keep(autoencoder=scores)
        for kind in scores:
            print("autoencoder", kind, {k: v for k, v in scores[kind].items() if k != "each"}, flush=True)
    model = export.read(arguments.generator) if arguments.generator else None
    how = dict(steps=arguments.steps, guidance=arguments.guidance, beats=not arguments.no_beat, chords=arguments.chords, distilled=arguments.distilled)
    songs = held_out_songs(arguments.data, arguments.kinds, arguments.songs)

    def other(i):
        return songs[(i + 1) % len(songs)]
    makers = {}
    if "baselines" in arguments.parts:
        retrieval = Retrieval(dataset.songs(arguments.data, "train"))
        makers |= {"true": lambda i, s: true_line(s), "true, another groove": lambda i, s: true_line(s, 1),
                   "silence": lambda i, s: Line(np.zeros(s.frames * STEPS), []), "another song's": lambda i, s: true_line(other(i)),
                   "retrieval": lambda i, s: retrieval.line(s), "chroma heuristic": lambda i, s: heuristic(s),
                   "true through the autoencoder": lambda i, s: through_autoencoder(coder, s)}
    if "model" in arguments.parts and model:
        makers |= {"model": lambda i, s: generated(model, coder, s, how), "model, shuffled mix": lambda i, s: generated(model, coder, s, how, other(i))}
    if "regressor" in arguments.parts and model:
        makers["the flow's mean"] = lambda i, s: from_latents(coder, mean_latents(model, s))
        if arguments.regressor:
            regressor = load_generator(arguments.regressor)
            makers["regressor"] = lambda i, s: from_latents(coder, regressed_latents(regressor, s))
    reference = metrics.histogram(np.concatenate([metrics.phases(s, true_line(s, n).onsets) for s in songs for n in range(s.lines)]))
    for name, make in makers.items():
        lines = [make(i, s) for i, s in enumerate(songs)]
        rows = [r for s, line in zip(songs, lines) for r in clips(s, line)]
        found = with_intervals(rows, np.random.default_rng(1)) | dict(clips=len(rows), songs=len(songs))
        found["phase_divergence"] = metrics.divergence(metrics.histogram(np.concatenate([metrics.phases(s, x.onsets) for s, x in zip(songs, lines)])), reference)
        keep(**{name: found})
        print(f"{name:30}", {k: ([round(float(x), 3) for x in v] if isinstance(v, tuple) else round(v, 3)) for k, v in found.items()}, flush=True)
    if "diversity" in arguments.parts and model:
        keep(diversity=diversity(model, coder, [s for s in songs if s.lines == 4][:40], how))
        print("diversity (onsets, pitch classes)", results["diversity"], flush=True)
    if "spread" in arguments.parts and model:
        some = songs[:12]
        base = np.mean([spread(model, s, how, 1.0, 0.0) for s in some])
        found = {f"flow, w {w:g}, rescaled by {phi}": float(np.mean([spread(model, s, how, w, phi) for s in some]) / base)
                 for w in (2.0, 4.0, 8.0) for phi in (sampling.RESCALE, 1.0, 0.0)}
        if arguments.distilled:
            base = np.mean([spread(model, s, how, 1.0, 0.0, True) for s in some])
            found |= {f"distilled, w {w:g}": float(np.mean([spread(model, s, how, w, 0.0, True) for s in some]) / base) for w in (2.0, 3.0, 4.0)}
        keep(spread=found)
        print("spread of latents against w = 1", {k: round(v, 3) for k, v in found.items()}, flush=True)


if __name__ == "__main__":
    main()
