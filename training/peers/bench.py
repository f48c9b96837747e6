"""Compares pitch trackers on the held-out clips, clean and in pink noise.

    python bench.py [--clips work/heldout] [--trackers swift-f0 crepe-tiny pesto pyin checkpoint:PATH continuo:MODEL …]

Per tracker and condition: raw pitch accuracy (the share of voiced frames within 50 and 25 cents, whatever the tracker's
voicing says), overall accuracy (voicing and pitch both right), octave errors (an octave or two away within 50 cents),
voicing false alarms, each with a 95 % bootstrap interval over clips; on unpitched sound the share of frames called
voiced; the delay after a step in pitch; and speed on one core. Results are kept beside the clips (cache/) by tracker and audio: --fresh forgets them.
"""

import argparse
import hashlib
import os
import pathlib
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

import trackers  # noqa: E402

RATE = 16000
CONDITIONS = [("clean", None), ("20 dB", 20), ("10 dB", 10), ("0 dB", 0)]


def pink(rng, count):
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), count * 20 / RATE))
    noise = np.fft.irfft(spectrum, count)
    return noise / np.sqrt(np.mean(noise**2))


def summed(audio, ratio, seed):
    """With noise `ratio` dB under the clip's mean power, and the factor that keeps the sum under full scale."""
    if ratio is None:
        return audio, 1.0
    power = np.sqrt(np.mean(audio**2))
    out = audio + pink(np.random.default_rng(seed), len(audio)) * power * 10 ** (-ratio / 20)
    return out, 1 / max(1.0, np.abs(out).max() / 0.99)


def mixed(audio, ratio, seed):
    """The noisy clip as trackers hear it."""
    out, scale = summed(audio, ratio, seed)
    return audio if ratio is None else (out * scale).astype(np.float32)


def frames_at(reference_times, times, f0, confidence):
    """Each estimate beside the reference frame nearest in time, none where none is within 5.1 ms (or 8.1 for 16 ms hops).

    A tracker with a coarser hop than the reference is judged on its own instants.
    """
    hop = np.median(np.diff(times))
    if hop > 0.02:  # decimated on purpose
        index = np.round(times / 0.01).astype(int)
        keep = index < len(reference_times)
        return index[keep], f0[keep], confidence[keep]
    position = np.clip(np.searchsorted(times, reference_times), 1, len(times) - 1)
    nearest = np.where(reference_times - times[position - 1] < times[position] - reference_times, position - 1, position)
    # In between, interpolate in pitch where both neighbours agree: a hop of 16 ms must not look like an error of pitch.
    left, right = position - 1, position
    share = np.clip((reference_times - times[left]) / (times[right] - times[left]), 0, 1)
    a, b = np.log2(np.maximum(f0[left], 1)), np.log2(np.maximum(f0[right], 1))
    together = np.abs(a - b) < 1 / 12
    value = np.where(together, 2 ** (a + share * (b - a)), f0[nearest])
    return np.arange(len(reference_times)), value, confidence[nearest]


def judge(reference, estimate, voiced):
    """Counts for one clip, which the report divides."""
    is_voiced = reference > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        cents = 1200 * np.log2(np.maximum(estimate, 1e-3) / np.maximum(reference, 1e-3))
    near50, near25 = np.abs(cents) < 50, np.abs(cents) < 25
    octave = (np.abs(np.abs(cents) - 1200) < 50) | (np.abs(np.abs(cents) - 2400) < 50)
    return np.array([
        is_voiced.sum(), (near50 & is_voiced).sum(), (near25 & is_voiced).sum(), (octave & is_voiced).sum(),
        len(reference), ((near50 & is_voiced & voiced) | (~is_voiced & ~voiced)).sum(),
        (~is_voiced).sum(), (~is_voiced & voiced).sum(), (is_voiced & voiced).sum()], dtype=float)


def rates(counts):
    s = counts.sum(axis=0)
    return np.array([s[1] / s[0], s[2] / s[0], s[5] / s[4], s[3] / s[0], s[7] / max(s[6], 1), s[8] / s[0]])


def interval(counts, rng, draws=1000):
    samples = np.array([rates(counts[rng.integers(0, len(counts), len(counts))]) for _ in range(draws)])
    return np.percentile(samples, [2.5, 97.5], axis=0)


def steps():
    """A tone of twelve partials that steps by a second or a fifth, up and down, each at another phase of any hop: (audio, [(sample,
    f0 before, f0 after)])."""
    pitches, marks = [], []
    place = 0
    for low in (55, 110, 220, 440, 880):
        for ratio in (2 ** (2 / 12), 2 ** (7 / 12)):
            for f0 in (low, low * ratio, low, low * ratio, low):
                if pitches and pitches[-1][1] != f0 and low <= pitches[-1][1] <= low * ratio:
                    marks.append((place, pitches[-1][1], f0))
                count = int(0.4 * RATE) + 20 * (len(pitches) % 8)
                pitches.append((count, f0))
                place += count
    f = np.concatenate([np.full(count, f0) for count, f0 in pitches])
    turn = 2 * np.pi * np.cumsum(f) / RATE
    tone = sum(np.sin(k * turn) / k * (k * f < 7600) for k in range(1, 13)) * 0.2
    return tone.astype(np.float32), marks


def delay(track):
    """(ms at each step, Hz of the lower pitch, ms of look-ahead): from a step in pitch until an estimate lies beyond its middle and stays
    there. An estimate counts from when it can be made: its time, and the look-ahead, which is found by changing what comes later."""
    audio, marks = steps()
    times, f0, confidence = track(audio)
    ahead = 0.0
    for number in range(8):
        place = 24_000 + 10_001 * number
        other = audio.copy()
        other[place:] = np.random.default_rng(number).uniform(-1, 1, len(audio) - place)
        _, changed, told = track(other)
        moved = np.abs(np.log2(np.maximum(changed[: len(f0)], 1) / np.maximum(f0, 1))) > 1e-6
        moved |= np.abs(told[: len(f0)] - confidence) > 1e-6
        if moved.any():
            ahead = max(ahead, place / RATE - times[np.flatnonzero(moved)[0]])
    made = times + ahead
    late, lowest = [], []
    for i, (place, before, after) in enumerate(marks):
        step, end = place / RATE, (marks[i + 1][0] if i + 1 < len(marks) else len(audio)) / RATE
        inside = (made > step) & (made < min(end, step + 0.4))
        beyond = np.log(np.maximum(f0, 1) / np.sqrt(before * after)) * np.sign(after - before) > 0
        wrong = np.flatnonzero(inside & ~beyond)
        first = wrong[-1] + 1 if len(wrong) else np.flatnonzero(inside)[0] if inside.any() else None
        if first is not None and first < len(made) and inside[first]:
            late.append(1e3 * (made[first] - step))
            lowest.append(min(before, after))
    return np.array(late), np.array(lowest), 1e3 * ahead, len(marks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).parent
    parser.add_argument("--clips", type=pathlib.Path, default=here / "work/heldout")
    parser.add_argument("--trackers", nargs="+", default=["swift-f0", "crepe-tiny", "continuo-crepe-full", "pesto", "pyin"])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--by-clip", action="store_true", help="also print each clip's RPA 50")
    parser.add_argument("--no-speed", action="store_true")
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass
    names = sorted(p.stem for p in arguments.clips.glob("*.wav"))
    if not names:
        raise SystemExit(f"{arguments.clips} holds no clips: run heldout.py first")
    cache = arguments.clips / "cache"
    cache.mkdir(exist_ok=True)
    clips = [(n, soundfile.read(arguments.clips / f"{n}.wav", dtype="float32")[0],
              np.loadtxt(arguments.clips / f"{n}.f0")) for n in names]
    negatives = [(p.stem, soundfile.read(p, dtype="float32")[0])
                 for p in sorted((arguments.clips / "unpitched").glob("*.wav"))]
    print(f"{len(clips)} clips, {sum(len(a) for _, a, _ in clips) / RATE:.0f} s\n")
    print(f"{'tracker':18} {'in':6} {'RPA 50':22} {'RPA 25':7} {'overall':22} {'octave':7} {'false':7} {'recall':7}")
    for name in arguments.trackers:
        make, threshold = trackers.find(name)
        track = None
        identity = name
        if ":" in name and os.path.exists(name.split(":", 1)[1]):
            identity = hashlib.sha1(open(name.split(":", 1)[1], "rb").read()).hexdigest()
        own = here.parents[1] / f"models/continuo-pitch-{name.partition(':')[2]}.safetensors"
        if name.startswith("continuo:") and own.exists():
            program = pathlib.Path(os.environ.get("CONTINUO", "build/bin/continuo"))
            identity = name + hashlib.sha1(own.read_bytes() + program.read_bytes() + b"own hop").hexdigest()

        def run(audio):
            nonlocal track
            key = hashlib.sha1(identity.encode() + audio.tobytes()).hexdigest()
            path = cache / f"{key}.npy"
            if path.exists() and not arguments.fresh:
                return np.load(path)
            if track is None:
                track = make()
            result = np.stack([np.asarray(v, dtype=np.float64) for v in track(audio)])
            np.save(path, result)
            return result

        label = name if len(name) <= 18 else name[:6] + "…" + name[-11:]
        table = {}
        for condition, ratio in CONDITIONS:
            counts = []
            for seed, (clip, audio, reference) in enumerate(clips):
                times, f0, confidence = run(mixed(audio, ratio, seed))
                index, f0, confidence = frames_at(np.arange(len(reference)) * 0.01, times, f0, confidence)
                counts.append(judge(reference[index], f0, confidence >= threshold))
            counts = np.array(counts)
            table[condition] = counts
            r = rates(counts)
            low, high = interval(counts, np.random.default_rng(0))
            print(f"{label:18} {condition:6} {r[0]:.3f} [{low[0]:.3f}, {high[0]:.3f}]   {r[1]:.3f}   "
                  f"{r[2]:.3f} [{low[2]:.3f}, {high[2]:.3f}]   {r[3]:.4f}  {r[4]:.3f}   {r[5]:.3f}", flush=True)
        alarms = []
        for clip, audio in negatives:
            _, _, confidence = run(audio)
            alarms.append(f"{clip} {100 * np.mean(confidence >= threshold):.1f} %")
        print(f"{label:18} voiced in: {', '.join(alarms)}")
        if arguments.by_clip:
            for i, (clip, _, _) in enumerate(clips):
                print(f"    {clip:22} " + "  ".join(f"{table[c][i][1] / max(table[c][i][0], 1):.3f}" for c, _ in CONDITIONS))
        late, lowest, ahead, count = delay(run)
        if len(late) < count / 2:
            print(f"{label:18} delay: needs more than what follows within 0.4 s (look-ahead {ahead:.0f} ms)")
        else:
            parts = [f"{what} median {np.median(late[rows]):.0f}, at most {late[rows].max():.0f} ms" for what, rows in (
                ("from 220 Hz", lowest >= 200), ("110 to 220 Hz", (lowest >= 100) & (lowest < 200)), ("55 to 110 Hz", lowest < 100))]
            print(f"{label:18} delay after a step: median {np.median(late):.0f} ms ({'; '.join(parts)}); look-ahead {ahead:.0f} ms")
        if not arguments.no_speed:
            track = track or make()
            audio = np.concatenate([a for _, a, _ in clips])[: RATE * 12]
            track(audio[:RATE])
            began = time.process_time()
            track(audio)
            spent = time.process_time() - began
            print(f"{label:18} {len(audio) / RATE / spent:.1f} × real time (processor time, one thread)", flush=True)


if __name__ == "__main__":
    main()
