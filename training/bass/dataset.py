"""Crops of the songs that data.py made."""

import json
import pathlib

import numpy as np
import torch

import data
import frontend
import sounds
from autoencoder import LOWEST_NOTE, NONE, NOTES, STEPS
from generator import beat_features, chord_features

LOOKED_AT = 24  # test songs, the first, that are looked at while training and choosing: the evaluation leaves them out
SILENT = -60.0  # dB: below this a bass is not heard


class Song:
    def __init__(self, path):
        path = pathlib.Path(path)
        self.name = path.stem
        with np.load(path) as kept:
            for name in ("notes", "pitch", "loudness", "beats", "bar", "roots", "tones", "kicks"):
                setattr(self, name, kept[name])
            self.info = json.loads(str(kept["info"]))
        self.path = path.with_suffix(".npy")
        self.stems = len(self.info["stems"])
        self.lines = len(self.pitch)
        self.sounds = len(self.loudness) // self.lines
        self.frames = self.pitch.shape[1] // STEPS
        self.onsets = [self.notes[self.notes[:, 0] == i, 1] for i in range(self.lines)]

    @property
    def banks(self):
        return np.load(self.path, mmap_mode="r")

    def render(self, line, sound):
        """The stream of a line by a sound."""
        return self.stems + line * self.sounds + sound

    def lowest(self):
        return self.notes[:, 1 + sounds.KEY].min()


def songs(folder, kind, limit=None):
    paths = sorted(pathlib.Path(folder).glob(f"{kind}-*.npz"))[:limit]
    return [Song(p) for p in paths]


def transposed(tonal, semitones):
    """T [..., 156] dB moved by −6 … 6 semitones: [..., 144]."""
    shift = 2 * semitones
    if shift <= 0:
        return tonal[..., -shift: frontend.TONAL_BANDS - shift]
    # Nothing is known below the lowest band.
    bottom = np.minimum(np.repeat(tonal[..., :1], shift, -1), tonal[..., : 1] - 3 * np.arange(shift, 0, -1, dtype=np.float32))
    return np.concatenate([np.maximum(bottom, frontend.FLOOR), tonal[..., : frontend.TONAL_BANDS - shift]], -1)


def features(values, semitones=0, gain=0.0):
    """Scaled features [F, 416] of stored banks [F, 440]."""
    t, r = data.unpack(values)
    t = transposed(t, semitones)
    db = np.concatenate([t.reshape(len(t), -1), r.reshape(len(r), -1)], 1) + np.float32(gain)
    return frontend.scaled(np.clip(db, frontend.FLOOR, frontend.CEILING)).astype(np.float32)


def line_targets(song, line, render, first, frames, semitones=0, gain=0.0):
    """Targets of the line head for a crop: class [6 F], cents, onset, loudness, sounds."""
    steps = slice(first * STEPS, (first + frames) * STEPS)
    pitch = song.pitch[line, steps]
    loudness = song.loudness[render, steps].astype(np.float32)
    heard = (loudness > SILENT) & (pitch > 0)
    pitch = pitch + semitones
    note = np.clip(np.round(pitch), LOWEST_NOTE, LOWEST_NOTE + NOTES - 1)
    times = (np.arange(steps.start, steps.stop) * 8 + 4) / 1000
    onsets = song.onsets[line]
    near = np.searchsorted(onsets, times)
    distance = np.minimum(np.abs(times - onsets[np.clip(near, 0, len(onsets) - 1)]), np.abs(times - onsets[np.clip(near - 1, 0, len(onsets) - 1)]))
    return dict(note=np.where(heard, note - LOWEST_NOTE, NONE).astype(np.int64), cents=np.clip(pitch - note, -1, 1).astype(np.float32),
                onset=np.maximum(0, 1 - distance / 0.014).astype(np.float32), loudness=np.maximum(loudness + gain, -90).astype(np.float32),
                heard=heard)


def stack(items):
    return {k: torch.from_numpy(np.stack([i[k] for i in items])) for k in items[0]}


# ---- crops for the generator

LEVELS = (10 ** (data.unpack(np.arange(256, dtype=np.uint8)[:, None].repeat(440, 1))[1][:, 0, 0] / 10)).astype(np.float32)


def mixed(song, banks, first, frames, gains, semitones=0):
    """Scaled features [F, 416] of the stems mixed with gains (dB; None leaves one out). Powers add; drums keep their pitch."""
    total_t = np.zeros((frames, 2, frontend.TONAL_BANDS), np.float32)
    total_r = np.zeros((frames, 4, frontend.RHYTHM_BANDS), np.float32)
    for stem, gain in enumerate(gains):
        if gain is None:
            continue
        power = LEVELS[banks[stem, first: first + frames]] * np.float32(10 ** (gain / 10))
        tonal = power[:, : 2 * data.BANDS].reshape(frames, 2, -1)
        shift = 0 if song.info["stems"][stem] == "drums" else 2 * semitones
        if shift <= 0:
            total_t += tonal[..., -shift: frontend.TONAL_BANDS - shift]
        else:
            total_t[..., shift:] += tonal[..., : frontend.TONAL_BANDS - shift]
        total_r += power[:, 2 * data.BANDS:].reshape(frames, 4, -1)
    db = np.concatenate([total_t.reshape(frames, -1), total_r.reshape(frames, -1)], 1)
    return frontend.scaled(frontend.decibels(db)).astype(np.float32)


def stem_gains(song, rng):
    """A random subset of the stems at random gains."""
    pitched = [s != "drums" for s in song.info["stems"]]
    overall, only_drums = rng.normal(0, 4), rng.random() < 0.05
    gains = [float(overall + rng.normal(0, 4)) if rng.random() < ((0.0 if only_drums else 0.85) if p else 0.9) else None for p in pitched]
    if all(g is None for g in gains):
        gains[int(rng.integers(len(gains)))] = float(overall)
    return gains


def frame_times(first, frames):
    """Centres of latent frames, seconds."""
    return (np.arange(first, first + frames) + 0.5) * 0.048


def mix_targets(song, times, semitones=0):
    """What the mix encoder is asked: root [F] (12: none), tones [F, 12], phases [F, 4] and where they hold [F]."""
    inside = (times >= song.beats[0]) & (times < song.beats[-1])
    at = np.clip(np.searchsorted(song.beats, times, side="right") - 1, 0, len(song.roots) - 1)
    root = np.where(inside, (song.roots[at] + semitones) % 12, 12)
    tones = ((song.tones[at][:, None] >> ((np.arange(12) - semitones) % 12)) & 1) * inside[:, None]
    phases = beat_features(song.beats, song.bar, times)[:, :4]
    return dict(root=root.astype(np.int64), tones=tones.astype(np.float32), phases=phases, inside=inside)


def beats_known(song, times):
    inside = (times >= song.beats[0]) & (times < song.beats[-1])
    return beat_features(song.beats, song.bar, times) * inside[:, None].astype(np.float32)


def chords_known(song, times, semitones=0):
    inside = (times >= song.beats[0]) & (times < song.beats[-1])
    masks = song.tones.astype(int)
    s = semitones % 12
    masks = (masks << s | masks >> (12 - s)) & 0xFFF
    return chord_features(song.beats, (song.roots + semitones) % 12, masks, times) * inside[:, None].astype(np.float32)


def generator_crop(song, rng, frames, random=True, line=None, sound=None, first=None):
    """Everything of one crop: features of the mix and of a bass, beats, chords, targets of the mix encoder."""
    semitones = int(rng.integers(-3, 4)) if random else 0
    if song.lowest() + semitones < LOWEST_NOTE:
        semitones = 0
    if line is None:
        line = 0 if rng.random() < 0.65 else int(rng.integers(song.lines))
    sound = int(rng.integers(song.sounds)) if sound is None else sound
    first = int(rng.integers(0, max(1, song.frames - frames))) if first is None else first
    banks = song.banks
    gains = stem_gains(song, rng) if random else [0.0] * song.stems
    times = frame_times(first, frames)
    item = dict(mix=mixed(song, banks, first, frames, gains, semitones),
                bass=features(np.asarray(banks[song.render(line, sound), first: first + frames]), semitones),
                beat=beats_known(song, times), chords=chords_known(song, times, semitones))
    return item | mix_targets(song, times, semitones)
