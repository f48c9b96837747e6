"""Plays the style references of Continuo Bass's players: a phrase of some seconds each, alone.

    python styles.py ../../presets/bass/styles [NAME …]
    python styles.py ../../presets/bass/styles --judge ../../models/continuo-bass-autoencoder.safetensors [--takes FOLDER]

NAME.flac: mono, 24 kHz, 16 bits, as loud as the basses of the training songs. Every sound is made here: sampled basses of FluidR3
and MuseScore General (MIT) and the synthesised ones of sounds.py, with fixed effects. What training holds out (README) is not used.
The same machine makes the same bytes.

--judge plays nothing. It prints what the references are (pitch, level, centroid) and which is nearest to which for the encoder; with
--takes, whether the timbre of each FOLDER/NAME.wav, a take of one song made with that reference, is found again among all
references, and which takes are most alike.
"""

import argparse
import dataclasses
import pathlib
import re
import zlib

import numpy as np
import scipy.fft
import scipy.signal
import soundfile

import data
import fluid
import frontend
import sounds

RATE = 48000  # of the work; the files have half of it
LEAD = 0.04  # seconds before the first note
KNOTS = (30, 80, 200, 500, 1200, 3000, 8000, RATE / 2)  # Hz, of the equaliser


@dataclasses.dataclass
class Player:
    """One player: what sounds, and the phrase.

    sound: (soundfont, bank, program), or `synth`. phrase: see `line_of`. length: of the notes' values that is held. octaves: dB of
    the same an octave up, as courses of two strings have it. effects: keyword arguments of `affected`.
    """
    sound: tuple
    tempo: float
    phrase: str
    length: float = 0.95
    velocity: float = 96
    octaves: float | None = None
    effects: dict = dataclasses.field(default_factory=dict)


K = np.arange(1.0, 129)  # numbers of harmonics


def synth(kind, **attributes):
    """A synthesised sound: its kind and attributes of sounds.Synthetic."""
    return kind, dict(glide=0.0, noise=0.0) | attributes


def pulse(width):
    """Amplitudes of a pulse's harmonics; width: share of the period, 0.5 a square."""
    return np.abs(np.sin(np.pi * K * width)) / K * 1.3


def drawbars(*levels):
    """Amplitudes of an organ's: harmonics 1, 2, 3, 4, 6, 8."""
    amplitudes = np.zeros(128)
    amplitudes[[0, 1, 2, 3, 5, 7][: len(levels)]] = levels
    return amplitudes


PLAYERS = {
    "walking-upright": Player(
        ("fluid", 0, 32), 152, "F1! A1 C2 D2 Bb1! D2 F2 E2:.67 Eb2:.33 D2:1 C2 A1 F1 G1! Bb1 C2 E2", 0.9, 98,
        effects=dict(equaliser=(-9, -6, 0, 6, 8, 7, 3, 0), room=(0.1, 0.05))),
    "upright-ballad": Player(
        ("musescore", 0, 32), 72, "D1:1.5! A1:.5 D2:1(v A1 G1:1.5( D2:.5 B1:1v G1", 1.0, 80,
        effects=dict(equaliser=(3, 4, 1, -4, -9, -12, -12, -12), room=(0.22, 0.06))),
    "round-fingers": Player(
        ("fluid", 0, 33), 92, "C1:1.5! C1:.5 G1:1 A1:.5 Bb1 C2:1.5 G1:.5 Eb1:1 F1 F1:1.5! C2:.5", 0.92, 92,
        effects=dict(compress=(12, 0.5), equaliser=(8, 7, -2, -4, -6, -9, -9, -9))),
    "muted-flatwounds": Player(
        ("musescore", 0, 33), 112, "Eb1:.75! Eb1:.25 G1:.5 Bb1 C2 Bb1 G1 F1 Ab1:.75! Ab1:.25 C2:.5 Eb2 F2 Eb2 D2 C2 "
        "Bb1:.5 D2:.25 F2 D2:.5 Bb1 F1 Ab1 F1 D1", 0.55, 100,
        effects=dict(drive=(1.4, 0.05), compress=(14, 0.6), equaliser=(-9, -6, 0, 9, 6, -6, -12, -12))),
    "picked-rock": Player(
        ("fluid", 0, 34), 138, "E1:.5! E1 E1 E1! E1 E1 G1 A1 C2! C2 C2 C2! C2 C2 B1 A1 D2! D2 D2 D2! D2 D2 B1 D2", 0.85, 112,
        effects=dict(drive=(1.6, 0.04), compress=(12, 0.5), equaliser=(-3, 1, -2, 1, 4, 5, 1, -4))),
    "overdriven-grind": Player(
        ("musescore", 0, 34), 126, "D1:.75! D1:.25 r:.5 D1 F1 G1 Ab1 G1 D1:.75! D1:.25 r:.5 D1 C2 A1 F1 E1 D1:2!", 0.95, 118,
        effects=dict(drive=(20, 0.1), equaliser=(-2, 0, 1, 4, 6, 6, 3, 0))),
    "slap-funk": Player(
        ("fluid", 0, 36), 104, "E1:.75! E2:.25! r:.25 E1 D2! E2:.5 r:.25 G1 A1:.5! B1:.25 D2 "
        "E1:.75! E2:.25! r:.5 B1:.25 D2 E2:.5! G2:.25 E2 D2:.5 B1 E1:.75!",
        0.7, 114, effects=dict(compress=(14, 0.6), equaliser=(1, 3, -2, -5, 0, 4, 5, 2))),
    "fretless-ballad": Player(
        ("fluid", 0, 35), 70, "A1:2(v E2:1( D2:.5( C#2 F#1:2(v C#2:1( E2v", 1.0, 92,
        effects=dict(equaliser=(0, 1, 2, 3, 0, -3, -6, -9), room=(0.2, 0.06))),
    "eighties-chorus": Player(
        ("musescore", 0, 35), 110, "B1:.5! B1 F#2 B1 A1! A1 E2 A1 G1! G1 D2 G1 F#1:1! A1:.5( C#2 B1:2!(v", 0.9, 104,
        effects=dict(compress=(16, 0.65), chorus=(0.003, 0.7, 0.5), equaliser=(-9, -6, -3, 1, 7, 9, 6, 0))),
    "eight-string": Player(
        ("fluid", 0, 34), 84, "B0:1.5! B0:.5 D1:1 E1 F#1:1.5! E1:.5 D1:1 C#1 B0:2!", 0.98, 108, octaves=4.0,
        effects=dict(drive=(1.8, 0.05), chorus=(0.002, 0.5, 0.4), compress=(12, 0.5), equaliser=(6, 6, 4, 0, -5, -3, 0, 0))),
    "rubber-pluck": Player(
        synth("pluck", amplitudes=pulse(0.22) + 1e-3 / K, closed=4.5, filter_decay=0.22, attack=0.002, decay=0.55, release=0.03),
        118, "G1:.5! r D2 G1:.25 A1 Bb1:.5 D2 F2 D2 C2! r G2 C2:.25 D2 Eb2:.5 G1 A1 F1 G1:2!", 0.8, 100),
    "dub-sub": Player(
        synth("sub", amplitudes=np.where(K % 2 == 1, 1 / K**3.2, 0.08 / K**2), closed=4, open=5, slope=2.0, resonance=0.0,
              filter_decay=0.3, attack=0.008, decay=2.0, sustain=0.8, release=0.06),
        74, "A1:.75! A1:.25 C2:.5 A1 E1:1 r:.5 G1 A1:.75! A1:.25 E2:.5 D2 C2:1 G1:.5 E1", 0.8, 100,
        effects=dict(compress=(8, 0.4))),
    "mono-saw": Player(
        synth("saw", amplitudes=1 / K, closed=5, open=24, slope=4.0, resonance=2.0, filter_decay=0.25, attack=0.002, decay=1.2,
              sustain=0.8, release=0.03),
        116, "C1:.5! C1 C2 C1 Eb1! Eb1 Eb2 Bb1 F1! F1 F2 F1 Ab1! G1 Bb1 G1 C1! C1 C2 C1 Eb1 F1 G1:1!", 0.75, 104),
    "acid-square": Player(
        synth("square", amplitudes=pulse(0.5), closed=4, open=16, slope=4.0, resonance=4.0, filter_decay=0.2, attack=0.001, decay=0.8,
              sustain=0.5, release=0.015, glide=0.045),
        128, "A1:.25! A1 A2_ A1 C2! A1 G1_ A1 A1! A2_ A1 Eb2 D2!_ C2 A1 G1 A1! A1 A2 A1_ C2! A1 E2_ Eb2 D2! A1 A2! G2_ A1 C2 G1_ A1 "
        "F1! F1 F2_ F1 A1! F1 C2_ F1 G1! G2_ G1 D2 B1! G1 A1:.75", 0.7, 104, effects=dict(drive=(1.6, 0.03))),
    "reese": Player(
        synth("reese", amplitudes=1 / K, closed=7, open=9, slope=2.0, resonance=0.2, filter_decay=0.8, attack=0.006, decay=2.0,
              sustain=1.0, release=0.05, glide=0.03, detune=0.14),
        87, "F1:1.5! F1:.5 Ab1:1 Eb1 F1:1.5! C2:.5 Db2:1 C1", 0.98, 100, effects=dict(drive=(1.5, 0.0))),
    "hollow-pulse": Player(
        synth("square", amplitudes=pulse(0.125), closed=9, open=12, slope=2.0, resonance=0.3, filter_decay=0.4, attack=0.002,
              decay=1.2, sustain=0.5, release=0.03),
        122, "D2:.5! A1 D2 F2 C2! G1 C2 E2 Bb1! F1 Bb1 D2 A1! C#2 E2 G1 D2:1! A1 D2:2", 0.7, 100),
    "punchy-synth": Player(
        ("musescore", 0, 38), 108, "G1:.5! G1:.25 G1 r:.5 G2 F2 D2 Bb1 C2 G1! G1:.25 G1 r:.5 F1 Eb1 Eb2 F1 F2 G1:1.5!", 0.8, 104,
        effects=dict(compress=(10, 0.4))),
    "organ-pedals": Player(
        synth("organ", amplitudes=drawbars(1.0, 1.0, 0.8, 0.8, 0.7, 0.6), closed=12, open=12, slope=2.0, resonance=0.0,
              filter_decay=0.8, attack=0.006, decay=2.5, sustain=1.0, release=0.05, noise=0.002),
        80, "C1:2! G1:1 E1 F1:1.5! A1:.5 G1:1 B0 C1:2!", 0.96, 90, effects=dict(room=(0.2, 0.05))),
}

STEPS = dict(C=0, D=2, E=4, F=5, G=7, A=9, B=11)


def line_of(player):
    """The phrase as a line of sounds.py, and its end in seconds.

    A phrase is notes and rests (r) between blanks: name with octave (C1 = 24), perhaps `:` and its length in beats (else as long
    as the one before), perhaps marks: ! accent, ( slid into, v vibrato, _ held until the next.
    """
    rng = np.random.default_rng(zlib.crc32(player.phrase.encode()))
    beat, value, notes = 60 / player.tempo, 1.0, []
    at = LEAD
    for token in player.phrase.split():
        name, accidental, octave, length, marks = re.fullmatch(r"([A-Gr])([#b]?)(\d?)(?::([\d.]+))?([!(v_]*)", token).groups()
        value = float(length) if length else value
        if name != "r":
            key = 12 * (int(octave) + 1) + STEPS[name] + {"#": 1, "b": -1, "": 0}[accidental]
            onset = at + rng.uniform(0, 0.006)
            bend = [sounds.PLAIN, 0, 0, 0]
            if "v" in marks:
                bend = [sounds.VIBRATO, 0.22, 5.2, 0.2]
            elif "(" in marks:
                bend = [sounds.SLIDE, -2.0, 0.045, 0]
            velocity = player.velocity + (10 if "!" in marks else 0) + rng.normal(0, 4)
            held = (1 if "_" in marks else player.length) * value * beat
            notes.append([onset, onset + max(0.05, held), key, np.clip(velocity, 30, 127).round(), *bend])
        at += value * beat
    line = np.array(notes, np.float64)
    grid = fluid.BLOCK / RATE
    line[:, :2] = np.round(line[:, :2] / grid) * grid
    line[:-1, sounds.OFFSET] = np.minimum(line[:-1, sounds.OFFSET], line[1:, sounds.ONSET])
    return line, at


def affected(audio, drive=None, compress=None, chorus=None, equaliser=None, room=None):
    """The effects of sounds.py with chosen settings, and a chorus.

    drive: times the peak, and asymmetry. compress: dB below the loudest where it begins, and the share of what is above that goes.
    chorus: seconds of depth, Hz, share. equaliser: dB at the KNOTS. room: seconds and share.
    """
    if drive:
        peak = np.abs(audio).max()
        audio = np.tanh(audio / peak * drive[0] + drive[1])
        audio = audio - audio.mean()
    if compress:
        power = scipy.signal.lfilter([0.001], [1, -0.999], audio**2) + 1e-9
        level = 10 * np.log10(power)
        audio = audio * 10 ** (-np.maximum(level - (level.max() - compress[0]), 0) * compress[1] / 20)
    if chorus:
        depth, rate, share = chorus
        instants = np.arange(len(audio))
        late = (depth * (1.2 + np.sin(2 * np.pi * rate * instants / RATE))) * RATE
        audio = (1 - share / 2) * audio + share * np.interp(instants - late, instants, audio, left=0)
    if equaliser or room:
        size = scipy.fft.next_fast_len(len(audio) + RATE // 2, real=True)
        lines = scipy.fft.rfft(audio, size)
        if equaliser:
            frequencies = np.maximum(np.arange(len(lines)) * RATE / size, 20)
            lines *= 10 ** (np.interp(np.log(frequencies), np.log(KNOTS), equaliser) / 20)
        if room:
            length = int(room[0] * RATE)
            impulse = np.random.default_rng(1).normal(size=length) * np.exp(-5 * np.arange(length) / length)
            impulse *= room[1] / np.sqrt((impulse**2).sum())
            impulse[0] += 1
            lines *= scipy.fft.rfft(impulse, size)
        audio = scipy.fft.irfft(lines, size)[: len(audio)]
    return audio


def played(name, fonts):
    """The reference's sound [samples] at 24 kHz. fonts: a fluid.Player."""
    player = PLAYERS[name]
    line, end = line_of(player)
    samples = -(-int((end + 0.3) * RATE) // frontend.FRAME) * frontend.FRAME
    which, *what = player.sound
    higher = line.copy()
    higher[:, sounds.KEY] += 12
    lines = [line] if player.octaves is None else [line, higher]
    if which in sounds.KINDS:
        assert which != sounds.HELD_OUT_KIND
        synthetic = sounds.Synthetic(which, np.random.default_rng(zlib.crc32(name.encode())))
        synthetic.phases = np.zeros(128)
        for attribute, value in what[0].items():
            assert hasattr(synthetic, attribute), attribute
            setattr(synthetic, attribute, value)
        parts = [synthetic.render(each, RATE, samples).astype(np.float64) for each in lines]
    else:
        assert which in ("fluid", "musescore") and what[1] not in sounds.HELD_OUT_PROGRAMS
        events = [e for channel, each in enumerate(lines) for e in sounds.midi_events(each, channel, RATE, fluid.BLOCK)]
        parts = fonts.play([player.sound] * len(lines), events, -(-samples // fluid.BLOCK))[:, :samples].astype(np.float64)
    audio = parts[0] if player.octaves is None else parts[0] + 10 ** (player.octaves / 20) * parts[1]
    # Some samples of the soundfonts are off the zero line.
    audio = scipy.signal.sosfilt(scipy.signal.butter(2, 16, "highpass", fs=RATE, output="sos"), affected(audio, **player.effects))
    audio = scipy.signal.resample_poly(audio, 1, RATE // data.RATE)
    fade = data.RATE // 10
    audio[-fade:] *= np.linspace(1, 0, fade)
    curve = sounds.loudness(audio, data.RATE, 192, len(audio) // 192, 96)
    return audio * 10 ** ((data.LEVEL - np.percentile(curve[curve > curve.max() - 40], 90)) / 20), line


def printed(audio):
    """What tells sounds of one line apart: dB in third octaves from 40 Hz, and of each 50 ms against the loudest; not below −60."""
    frequencies, power = scipy.signal.welch(audio, data.RATE, nperseg=8192)
    centres = 40 * 2 ** (np.arange(23) / 3)
    bands = np.array([power[(frequencies >= c / 2 ** (1 / 6)) & (frequencies < c * 2 ** (1 / 6))].sum() for c in centres])
    course = (audio[: len(audio) // 1200 * 1200].reshape(-1, 1200) ** 2).sum(1)
    return [np.maximum(10 * np.log10(x / whole + 1e-12), -60) for x, whole in ((bands, bands.sum()), (course, course.max()))]


def judge(folder, model, takes):
    """Prints what --judge promises."""
    import torch
    import autoencoder
    import export
    coder = export.read(model)
    torch.set_num_threads(1)

    def heard(path):
        """Mean timbre channels and the sound at 24 kHz."""
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = scipy.signal.resample_poly(audio.mean(1), data.RATE, rate) if rate != data.RATE else audio.mean(1)
        features = frontend.features(audio.astype(np.float32), len(audio) // frontend.FRAME)
        with torch.no_grad():
            return coder.encode(torch.from_numpy(features)[None])[0, :, autoencoder.LINE:].mean(0).numpy(), audio

    def described(audio):
        power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
        at = np.fft.rfftfreq(len(audio), 1 / data.RATE)

        def share(low, high):
            return 10 * np.log10(power[(at >= low) & (at < high)].sum() / power.sum() + 1e-12)
        middle = np.sqrt(power @ at**2 / power.sum())
        peak, level = 20 * np.log10(np.abs(audio).max() + 1e-9), 10 * np.log10((audio**2).mean() + 1e-12)
        return (f"{len(audio) / data.RATE:5.1f} s, peak {peak:5.1f}, level {level:5.1f} dBFS, middle {middle:4.0f} Hz, "
                f"below 90 Hz {share(0, 90):5.1f}, above 1.5 kHz {share(1500, 12000):5.1f} dB")

    names = sorted(p.stem for p in folder.glob("*.flac"))
    references = {name: heard(folder / f"{name}.flac") for name in names}
    timbres = np.stack([references[name][0] for name in names])
    hits, prints = [], {}
    for i, name in enumerate(names):
        apart = np.sqrt(((timbres - timbres[i]) ** 2).sum(1))
        near = np.argsort(apart)[1]
        print(f"{name:18s} {described(references[name][1])}; nearest {names[near]} at {apart[near]:.2f}")
        if takes and (takes / f"{name}.wav").exists():
            timbre, audio = heard(takes / f"{name}.wav")
            apart = np.sqrt(((timbres - timbre) ** 2).sum(1))
            order = np.argsort(apart)
            prints[name] = printed(audio)
            hits.append(order[0] == i)
            print(f"{'':18s} {described(audio)}; {'found' if hits[-1] else 'taken for ' + names[order[0]]}, "
                  f"at {apart[i]:.2f} (next {apart[order[1]]:.2f}), place {int(np.flatnonzero(order == i)[0]) + 1}")
    pairs = sorted((sum(np.abs(x - y).mean() for x, y in zip(prints[a], prints[b])), a, b) for a in prints for b in prints if a < b)
    for apart, a, b in pairs[:3]:
        print(f"takes most alike: {a}, {b}: {apart:.1f} dB")
    if hits:
        print(f"found again: {np.mean(hits):.2f} of {len(hits)} (chance {1 / len(names):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--judge", type=pathlib.Path, metavar="MODEL")
    parser.add_argument("--takes", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.judge:
        return judge(arguments.folder, arguments.judge, arguments.takes)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    fonts = fluid.Player(RATE, 16, ("fluid", "musescore"))
    for name in arguments.names or PLAYERS:
        audio, line = played(name, fonts)
        assert np.isfinite(audio).all() and np.abs(audio).max() < 0.98, (name, np.abs(audio).max())
        path = arguments.folder / f"{name}.flac"
        soundfile.write(path, audio, data.RATE, subtype="PCM_16")
        keys = line[:, sounds.KEY]
        print(f"{name:18s} {len(audio) / data.RATE:.1f} s, {len(line)} notes, keys {keys.min():.0f} to {keys.max():.0f}, "
              f"{path.stat().st_size // 1000} KB")


if __name__ == "__main__":
    main()
