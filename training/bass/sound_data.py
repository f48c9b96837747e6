"""Makes what the sound decoder learns from: basses at 48 kHz whose harmonics and noise are measured frame by frame.

    python sound_data.py --songs work/songs --output work/sounds [--count 300] [--kind train] [--worker 0 --workers 1]

KIND-00000.npz holds two passages of 8 s, lines of the songs of that kind, both by one sound:

    features   float16 [2, F, 416]     of the sound, frames of 48 ms
    pitch      float32 [2, 12 F]       MIDI as it sounds, at control frames of 4 ms
    loudness   float32 [2, 12 F]       dB
    harmonics  float16 [2, 12 F, 128]  log10 amplitudes (Continuo Synth's measure.py)
    noise      float16 [2, 12 F, 65]   log10 densities
    sounds     bool [2, 12 F]          the frame is worth learning from
    audio      int16 [2, samples]      48 kHz
"""

import argparse
import pathlib
import time
import zlib

import numpy as np
import scipy.signal

import autoencoder  # finds Continuo Synth's modules
import data
import dataset
import fluid
import frontend
import measure
import sounds

RATE, HOP = measure.RATE, measure.HOP
FRAMES = 167  # of 48 ms: 8 s
STEPS = autoencoder.CONTROL_STEPS


def passage(rng, song):
    """Notes of some 8 s of one of the song's lines, from time 0."""
    line = song.notes[song.notes[:, 0] == int(rng.integers(song.lines)), 1:].astype(np.float64)
    begin = rng.uniform(0, max(0.1, song.frames * 0.048 - 9))
    line = line[(line[:, sounds.ONSET] >= begin) & (line[:, sounds.ONSET] < begin + FRAMES * 0.048 - 0.1)].copy()
    line[:, [sounds.ONSET, sounds.OFFSET]] -= begin - 0.05
    line[:, sounds.KEY] += int(rng.integers(-2, 3))
    line[:, sounds.KEY] = np.clip(line[:, sounds.KEY], 24, 64)
    return line


def measured(audio, line, frames):
    """pitch, harmonics, noise and where there are any, at the control frames of a line's render."""
    pitch = np.full(frames, 36.0)
    harmonics, noise = np.full((frames, 128), -10.0), np.full((frames, 65), -10.0)
    known = np.zeros(frames, bool)
    lead = 9600
    for i, note in enumerate(line):
        begin = note[sounds.ONSET]
        end = line[i + 1, sounds.ONSET] if i + 1 < len(line) else min(frames * 0.004, note[sounds.OFFSET] + 0.15)
        first, last = int(np.ceil(begin / 0.004)), min(frames, int(end / 0.004))
        if last - first < 8:
            continue
        a, b = round(begin * RATE), min(len(audio), round(end * RATE))
        piece = audio[a:b].astype(np.float64).copy()
        fade = min(192, len(piece) // 4)
        piece[-fade:] *= np.linspace(1, 0, fade)
        piece = np.pad(piece, (lead, lead))
        age = np.minimum(np.arange(first, last) * 0.004 - begin, note[sounds.OFFSET] - begin)
        f0 = 440 * 2 ** ((note[sounds.KEY] + sounds.bend(note, age) - 69) / 12)
        start = lead + first * HOP - a
        f0 = measure.refine(piece, start, f0)
        h, n = measure.measure(piece, start, f0)
        at = slice(first, last)
        pitch[at], harmonics[at], noise[at], known[at] = 69 + 12 * np.log2(f0 / 440), h, n, True
    return pitch, harmonics, noise, known


def item(rng, kind, songs, player):
    song = songs[int(rng.integers(len(songs)))]
    font = str(rng.choice(["fluid", "musescore"]))
    choice, synthetic = data.draw_sounds(rng, kind, font, dict(programs=[]), 1)[0]
    seed, affected = int(rng.integers(2**31)), rng.random() < 0.5
    lines = []
    while len(lines) < 2:
        line = passage(rng, songs[int(rng.integers(len(songs)))] if lines else song)
        if len(line) >= 4:
            lines.append(line)
    samples, frames = FRAMES * frontend.FRAME * 2, FRAMES * STEPS
    if synthetic:
        audio = [synthetic.render(line, RATE, samples) for line in lines]
    else:
        events = [e for i, line in enumerate(lines) for e in sounds.midi_events(line, i, RATE, fluid.BLOCK)]
        audio = player.play([(choice[0], 0, choice[1])] * 2, events, -(-samples // fluid.BLOCK))[:, :samples]
    if affected:
        audio = [sounds.effects(a, RATE, np.random.default_rng(seed)) for a in audio]
    curves = np.stack([measure.loudness(a, frames) for a in audio])
    gain = data.LEVEL - np.percentile(curves[curves > curves.max() - 40], 90)
    out = dict(features=[], pitch=[], loudness=[], harmonics=[], noise=[], sounds=[], audio=[])
    for line, a in zip(lines, audio):
        a = a * 10 ** (gain / 20)
        pitch, harmonics, noise, known = measured(a, line, frames)
        loudness = measure.loudness(a, frames)
        out["features"].append(frontend.features(scipy.signal.resample_poly(a, 1, 2).astype(np.float32), FRAMES).astype(np.float16))
        out["pitch"].append(pitch.astype(np.float32))
        out["loudness"].append(loudness.astype(np.float32))
        out["harmonics"].append(harmonics.astype(np.float16))
        out["noise"].append(noise.astype(np.float16))
        out["sounds"].append(known & (loudness > -65))
        out["audio"].append(np.round(np.clip(a, -1, 1) * 32767).astype(np.int16))
    return {k: np.stack(v) for k, v in out.items()} | dict(choice=str(choice))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kind", choices=["train", "test", "font", "timbre"], default="train")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    songs = dataset.songs(arguments.songs, arguments.kind, 200)
    player = fluid.Player(RATE, 16)
    begun, made = time.time(), 0
    for number in range(arguments.worker, arguments.count, arguments.workers):
        path = arguments.output / f"{arguments.kind}-{number:05d}.npz"
        if path.exists():
            continue
        made_item = item(np.random.default_rng([zlib.crc32(arguments.kind.encode()), number, 77]), arguments.kind, songs, player)
        with open(path.with_suffix(".partial"), "wb") as file:
            np.savez(file, **made_item)
        path.with_suffix(".partial").rename(path)
        made += 1
        if made % 10 == 0:
            print(f"{arguments.kind} {number}: {(time.time() - begun) / made:.2f} s each", flush=True)


if __name__ == "__main__":
    main()
