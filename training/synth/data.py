"""Makes the synth's data: profiles of the instruments, and phrases of one voice with everything known about each frame.

    python data.py --output work/data [--phrases 12] [--worker 0 --workers 1]

Every phrase is made from its own seed, so that making them resumes where it was interrupted. OUTPUT holds
profile-NAME.npz, and train-, test- and other-NAME-00.npz (other: the held-out soundfont), each with

    audio      int16 [samples]    48 kHz, one voice: a note's tail fades within 20 ms when the next begins
    f0         float32 [T]        Hz at frames of 4 ms, as it sounds
    loudness   float32 [T]        dB, as measure.loudness has it
    harmonics  float16 [T, 128]   log10 amplitudes of the sounding note by itself
    noise      float16 [T, 65]    log10 densities at the nodes
    sounds     bool [T]           the frame is worth learning from
    onsets     int32 [...]        frames at which notes begin
    keys       int32 [...]        their MIDI note numbers
    joined     bool [...]         the note follows the one before legato, without an attack of its own

Every seventh key (`held_out`) is left out of the training phrases.
"""

import argparse
import pathlib

import numpy as np

import measure
import render
from instruments import INSTRUMENTS

RATE, HOP = render.RATE, render.HOP
LEAD = int(render.LEAD * RATE)
VELOCITIES = (30, 64, 100, 127)
SUSTAINED_LEVEL, PLUCKED_LEVEL = -24.0, -20.0  # dB of the body at velocity 100, after each instrument's gain
FADE = 960


def held_out(key):
    return key % 7 == 3


# ---- phrases

def bend_curve(rng, frames, sustains):
    """Semitones: vibrato, a scoop, a bend, drift, or nothing."""
    t = np.arange(frames) * 0.004
    bend = np.zeros(frames)
    kind = rng.choice(["plain", "vibrato", "scoop", "bend", "drift"], p=[0.4, 0.34, 0.08, 0.1, 0.08] if sustains else
                      [0.75, 0.1, 0.0, 0.1, 0.05])
    if kind == "vibrato":
        start, rate, depth = rng.uniform(0, 0.4), rng.uniform(4.5, 7), rng.uniform(0.08, 0.5)
        bend = depth * np.clip((t - start) / 0.3, 0, 1) * np.sin(2 * np.pi * rate * t + rng.uniform(0, 6))
    elif kind == "scoop":
        bend = -rng.uniform(0.3, 2) * np.exp(-t / rng.uniform(0.03, 0.1))
    elif kind == "bend":
        shape = 0.5 - 0.5 * np.cos(np.pi * np.clip((t - rng.uniform(0, 0.3)) / rng.uniform(0.06, 0.4), 0, 1))
        bend = rng.choice([-2, -1, 1, 2]) * shape
    elif kind == "drift":
        bend = 0.15 * np.interp(t, np.arange(0, t[-1] + 0.4, 0.3), rng.normal(size=len(np.arange(0, t[-1] + 0.4, 0.3))))
    return bend


def phrase(rng, instrument, frames, training):
    """Notes with the frames at which they begin, whether legato, and a swell in dB per frame."""
    notes = []
    pace = np.exp(rng.uniform(np.log(0.12), np.log(1.2)))
    legato_share = rng.choice([0.0, 0.3, 0.9]) if instrument.sustains else 0.0
    middle = rng.uniform(instrument.low, instrument.high)
    dynamic = rng.uniform(35, 115)
    key, onset, legato = int(middle), int(rng.integers(0, 40)), False
    while onset < frames - 60:
        key += int(rng.choice([0, 1, 2, 3, 4, 5, 7, 12], p=[0.06, 0.2, 0.24, 0.14, 0.12, 0.1, 0.08, 0.06])) * int(rng.choice([-1, 1]))
        if not instrument.low <= key <= instrument.high or rng.random() < 0.12:
            key = int(rng.integers(instrument.low, instrument.high + 1))
        while training and held_out(key) or not instrument.low <= key <= instrument.high:
            key += 1 if key < instrument.high else -3
        length = int(np.clip(pace * np.exp(rng.normal(0, 0.55)), 0.06, 4.0) * 250)
        joined_next = rng.random() < legato_share
        held = length if joined_next else max(10, int(length * rng.uniform(0.5, 1)))
        rest = int(rng.uniform(0.1, 0.8) * 250) if rng.random() < 0.15 and not joined_next else 0
        velocity = int(np.clip(dynamic + rng.normal(0, 18), 15, 127))
        swell = np.zeros(length + rest)
        if instrument.sustains and length > 100 and rng.random() < 0.35:
            ends = rng.uniform(-14, 0, 3)
            swell = np.interp(np.arange(length + rest), np.linspace(0, length, 3), ends)
        notes.append((onset, key, velocity, held, legato, swell))
        onset += length + rest
        legato = joined_next
    return notes


def make_phrase(instrument, seed, seconds, gain, soundfont, training):
    rng = np.random.default_rng(seed)
    frames = int(seconds * 250)
    plan = phrase(rng, instrument, frames, training)
    sounding = []
    for i, (onset, key, velocity, held, legato, swell) in enumerate(plan):
        skip = int(rng.integers(14, 26)) if legato else 0
        available = (plan[i + 1][0] if i + 1 < len(plan) else frames) - onset
        tail = max(0.05, min(1.2, (available - held) * 0.004)) + 0.1
        bend = bend_curve(rng, skip + available + 40, instrument.sustains)
        sounding.append((render.Note(key, velocity, (held + skip) * 0.004, tail, bend), skip, available))
    audio = np.zeros(frames * HOP + 2 * FADE, np.float64)
    f0 = np.zeros(frames)
    harmonics = np.full((frames, 128), -10.0)
    noise = np.full((frames, 65), -10.0)
    sounds = np.zeros(frames, bool)
    rendered = render.play(soundfont, instrument.program, [note for note, _, _ in sounding])
    for (onset, key, velocity, held, legato, swell), (note, skip, available), sound in zip(plan, sounding, rendered):
        sound = sound * gain
        nominal = 440 * 2 ** ((key + note.bend[: skip + available] - 69) / 12)
        tuned = measure.refine(sound, LEAD, measure.refine(sound, LEAD, nominal))
        # Frames past the rendered tail hold silence.
        h, n = measure.measure(sound, LEAD, tuned)
        first = LEAD + skip * HOP
        piece = np.array(sound[first:], np.float64)
        last = available * HOP + FADE // 2
        piece = np.pad(piece[:last], (0, max(0, last - len(piece))))
        piece[-FADE:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(FADE) / FADE)
        at = np.arange(len(piece)) / HOP
        piece *= 10 ** (np.interp(at, np.arange(len(swell)), swell) / 20)
        if legato:
            piece[:FADE] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(FADE) / FADE)
        piece = piece[: len(audio) - onset * HOP]
        audio[onset * HOP: onset * HOP + len(piece)] += piece
        span = slice(onset, onset + available)
        f0[span] = tuned[skip:]
        harmonics[span] = h[skip:]
        noise[span] = n[skip:]
        level = measure.loudness(np.pad(sound, (0, 48000)), len(tuned) + LEAD // HOP)[LEAD // HOP:][skip:]
        sounds[span] = (level > level.max() - 55) & (level > -78)
    f0[: plan[0][0]] = f0[plan[0][0]]
    audio = audio[: frames * HOP]
    assert np.abs(audio).max() < 1, np.abs(audio).max()
    return dict(
        audio=np.round(audio * 32767).astype(np.int16), f0=f0.astype(np.float32),
        loudness=measure.loudness(audio, frames).astype(np.float32), harmonics=harmonics.astype(np.float16),
        noise=noise.astype(np.float16), sounds=sounds, onsets=np.array([p[0] for p in plan], np.int32),
        keys=np.array([p[1] for p in plan], np.int32), joined=np.array([p[4] for p in plan]))


# ---- profiles

def profile_times():
    return np.concatenate([0.004 * np.arange(64), 0.252 + 0.064 * np.arange(1, 33)])


def make_profile(instrument, soundfont):
    """What a note does by itself: levels, attacks and releases of single notes over the range at four velocities."""
    keys = np.arange(instrument.low, instrument.high + 1, 3)
    held, tail = (2.6, 0.65)
    notes = [render.Note(int(k), v, held, tail, np.zeros(2)) for v in VELOCITIES for k in keys]
    short = [render.Note(int(k), 100, 0.5, tail, np.zeros(2)) for k in keys]
    sounds = render.play(soundfont, instrument.program, notes + short)
    frames = round((held + tail) * 250)
    curves, bodies = [], []
    for sound in sounds[: len(notes)]:
        # A short window that mostly looks ahead: what has begun at an instant, not a blur of before and after.
        quick = measure.loudness(sound[LEAD - 4800:], frames, window=768, offset=288 + 4800)
        body = measure.loudness(sound[LEAD - 4800:], frames, offset=4800)
        bodies.append(np.median(body[75:400]) if instrument.sustains else np.median(body[20:30]))
        curves.append(quick)
    bodies = np.array(bodies).reshape(4, len(keys))
    gain_db = (SUSTAINED_LEVEL if instrument.sustains else PLUCKED_LEVEL) - np.median(bodies[2])
    curves = np.array(curves).reshape(4, len(keys), frames)
    relative = np.maximum(curves - bodies[:, :, None], -60)
    relative[curves < -88] = -60  # below what is measured
    relative = np.median(relative, 1)
    if not instrument.sustains:
        # A plucked note is there at once: what a sample waits before it is plucked does not belong to it.
        wait = min(8, int(np.argmax(relative[2, :40] > relative[2, :40].max() - 5)))
        relative = np.pad(relative[:, wait:], ((0, 0), (0, wait)), mode="edge")
    t = np.arange(frames) * 0.004
    attack = np.stack([np.interp(profile_times(), t, curve) for curve in relative])
    # Plucked notes are let go while they still ring.
    off = round((held if instrument.sustains else 0.5) * 250)
    release = []
    for sound in (sounds[2 * len(keys): 3 * len(keys)] if instrument.sustains else sounds[len(notes):]):
        level = measure.loudness(sound[LEAD - 4800:], off + 140, window=768, offset=4800)
        release.append(np.maximum(level - level[off - 3], -60)[off: off + 128: 4])
    release = np.median(release, 0)
    return dict(gain=10 ** (gain_db / 20), loudness=np.median(bodies, 1) + gain_db, attack=attack,
                release=np.minimum.accumulate(release), range=np.array([instrument.low, instrument.high]),
                sustains=float(instrument.sustains), vibrato=np.array(instrument.vibrato),
                bodies=bodies + gain_db, keys=keys)


def save(path, make):
    if not path.exists():
        partial = path.with_name(path.stem + ".partial.npz")
        np.savez(partial, **make())
        partial.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--phrases", type=int, default=12, help="training phrases of 16 s per instrument")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    mine = list(enumerate(INSTRUMENTS))[arguments.worker:: arguments.workers]
    fonts = {"train": render.SOUNDFONT, "test": render.SOUNDFONT, "other": render.HELD_OUT_SOUNDFONT}
    gains = {}
    for _, instrument in mine:
        for kind, font in (("profile", render.SOUNDFONT), ("otherprofile", render.HELD_OUT_SOUNDFONT)):
            path = arguments.output / f"{kind}-{instrument.name}.npz"
            save(path, lambda: make_profile(instrument, font))
            gains[kind, instrument.name] = float(np.load(path)["gain"])
    # Phrase by phrase through all instruments: training can begin before the last is made.
    turns = [("test", 0), ("other", 0), ("test", 1), ("other", 1)]
    turns += [("train", i) for i in range(arguments.phrases)]
    for kind, number in turns:
        for row, instrument in mine:
            gain = gains["otherprofile" if kind == "other" else "profile", instrument.name]
            seed = [row, number, {"train": 1, "test": 2, "other": 3}[kind]]
            save(arguments.output / f"{kind}-{instrument.name}-{number:02d}.npz", lambda: make_phrase(
                instrument, seed, 16 if kind == "train" else 12, gain, fonts[kind], kind == "train"))


if __name__ == "__main__":
    main()
