"""Renders the training data of Continuo Pitch's network: clips of 10 s at 16 kHz with exact f0.

    python render.py --output work/data [--clips 1200] [--workers 1] [--kind drums --first 10000]

Four kinds: phrases of sampled instruments (fluidsynth), harmonic tones with wild spectra, voices (speech synthesised by
espeak-ng, re-synthesised by WORLD with an f0 of our choosing), and unpitched sound. Clip i is made from seed i alone,
so rendering resumes where it was interrupted and can be divided among workers. Each clip is an .npz with

    audio  int16 [160000]   the sound, with room, equaliser, band limit or distortion applied to about half of the clips
    f0     float32 [4000]   Hz at every 2.5 ms, 0 where unvoiced, −1 where nobody knows
    level  float32 [4000]   dB of the dry sound's mean square over 20 ms centred on the same instants
    onset  float32 [...]    seconds at which notes begin (empty where there is no such thing)
    kind   str

--kind makes clips of one kind alone, numbered from --first on. Three are there only so: `drums`, kits with their toms, which the
fourth kind leaves out; `readers`, people's recorded speech (RECORDINGS, by default the prompts of Debian's
asterisk-core-sounds-*-g722), re-synthesised as the other voices are; `recorded`, the same recordings as they are, labelled where
trackers of three kinds agree (WORLD's Harvest, swift-f0, CREPE tiny).
"""

import argparse
import functools
import os
import pathlib
import subprocess
import sys
import tempfile

import mido
import numpy as np
import pyworld
import scipy.signal
import soundfile

RATE = 16000
SECONDS = 10
GRID = 40  # samples between values of f0: 2.5 ms
LOWEST, HIGHEST = 27.5, 2100.0
RECORDINGS = pathlib.Path(os.environ.get("RECORDINGS", "/usr/share/asterisk/sounds"))
SOUNDFONT = os.environ.get("SOUNDFONT", "/usr/share/sounds/sf2/FluidR3_GM.sf2")

# General MIDI programs (from 0) that sound one pitch a key, with their usual ranges.
PROGRAMS = {
    0: (28, 96), 4: (28, 96), 6: (36, 88), 11: (53, 89), 12: (48, 96), 19: (36, 84), 21: (48, 88), 22: (55, 91),
    24: (40, 84), 25: (40, 84), 26: (40, 84), 27: (40, 86), 28: (40, 80), 29: (40, 84), 30: (40, 84),
    32: (23, 60), 33: (23, 60), 34: (23, 60), 35: (23, 60), 36: (23, 60), 37: (23, 60), 38: (23, 60), 39: (23, 60),
    40: (55, 96), 41: (48, 88), 42: (36, 76), 43: (24, 55), 45: (36, 88), 46: (28, 96), 52: (43, 79), 53: (43, 79),
    54: (43, 79), 56: (54, 86), 57: (34, 72), 58: (24, 60), 59: (54, 84), 60: (36, 76), 64: (56, 88), 65: (49, 81),
    66: (44, 76), 67: (36, 69), 68: (58, 91), 69: (52, 81), 70: (34, 72), 71: (50, 91), 72: (74, 96), 73: (60, 96),
    74: (60, 94), 75: (55, 91), 77: (55, 84), 78: (72, 96), 79: (60, 91), 80: (36, 96), 81: (36, 96), 105: (43, 76),
    109: (52, 80), 110: (55, 88), 111: (58, 84),
}


def grid_times():
    return np.arange(RATE * SECONDS // GRID) * (GRID / RATE)


def level_db(audio):
    power = scipy.signal.fftconvolve(audio.astype(np.float64) ** 2, np.ones(320) / 320, mode="same")
    return (10 * np.log10(np.maximum(power, 1e-10)))[::GRID].astype(np.float32)


def smooth_noise(rng, count, step):
    """A random curve of about unit size: values each `step` points, joined by cubics."""
    knots = rng.normal(size=count // step + 4)
    return scipy.interpolate.CubicSpline(np.arange(len(knots)) * step, knots)(np.arange(count) + step)


# ---- sampled instruments

def phrase(rng, low, high):
    """[(onset, offset, midi, velocity)] and the bend curve in semitones on the grid."""
    times = grid_times()
    bend = np.zeros(len(times))
    notes, time = [], rng.uniform(0.05, 0.4)
    pace = np.exp(rng.uniform(np.log(0.12), np.log(0.9)))
    pitch = int(rng.integers(low, high + 1))
    style = rng.choice(["plain", "vibrato", "bends", "drift"], p=[0.35, 0.3, 0.2, 0.15])
    while time < SECONDS - 0.3:
        length = float(np.clip(pace * np.exp(rng.normal(0, 0.5)), 0.08, 3.0))
        end = min(time + length, SECONDS - 0.1)
        step = int(rng.choice([0, 1, 2, 3, 4, 5, 7, 12])) * int(rng.choice([-1, 1]))
        pitch = int(pitch + step)
        if not low <= pitch <= high:
            pitch = int(rng.integers(low, high + 1))
        sounding = time + (end - time) * (1.0 if rng.random() < 0.5 else rng.uniform(0.4, 0.95))
        notes.append((time, sounding, pitch, int(rng.integers(30, 127))))
        inside = (times >= time) & (times < end)
        t = times[inside] - time
        if style == "vibrato":
            depth, rate = rng.uniform(0.1, 0.7), rng.uniform(4, 7.5)
            bend[inside] = depth * np.minimum(1, t / 0.3) * np.sin(2 * np.pi * rate * t)
        elif style == "bends" and rng.random() < 0.7:
            reach, speed = rng.choice([-12, -5, -2, -1, 1, 2, 3, 7, 12]), rng.uniform(0.04, 0.6)
            shape = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / speed, 0, 1))
            bend[inside] = reach * (shape if rng.random() < 0.5 else 1 - shape)
        elif style == "drift":
            bend[inside] = 0.4 * smooth_noise(rng, int(inside.sum()), 60)
        time = end + (rng.uniform(0.05, 0.8) if rng.random() < 0.2 else 0)
    return notes, np.clip(bend + rng.uniform(-0.5, 0.5) * (rng.random() < 0.5), -11.9, 11.9)


def play(notes, bend, program, channel=0):
    """Renders notes with a pitch-bend curve through fluidsynth: dry mono at 16 kHz."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    events = [(0.0, 0, mido.Message("program_change", program=program, channel=channel))]
    # The bend range's three messages stand 2 ms apart so that no writer or reader can reorder them.
    for i, (control, value) in enumerate([(101, 0), (100, 0), (6, 12), (38, 0)]):
        events.append((0.002 * (i + 1), 0, mido.Message("control_change", control=control, value=value, channel=channel)))
    for onset, offset, midi, velocity in notes:
        events.append((onset, 2, mido.Message("note_on", note=midi, velocity=velocity, channel=channel)))
        events.append((offset, 1, mido.Message("note_off", note=midi, channel=channel)))
    last = None
    for t, semitones in list(zip(grid_times(), bend))[4:]:
        value = int(round(semitones / 12 * 8191))
        if value != last:
            events.append((t, 0, mido.Message("pitchwheel", pitch=value, channel=channel)))
            last = value
    events.sort(key=lambda e: (round(e[0] * 1000), e[1]))
    now = 0
    track.append(mido.MetaMessage("set_tempo", tempo=480_000))
    for t, _, message in events:
        tick = round(t * 1000)
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, SECONDS * 1000 - now)))
    with tempfile.TemporaryDirectory() as folder:
        file.save(f"{folder}/a.mid")
        subprocess.run(["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", "32000",
                        "-F", f"{folder}/a.wav", SOUNDFONT, f"{folder}/a.mid"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        audio, _ = soundfile.read(f"{folder}/a.wav", dtype="float64")
    audio = scipy.signal.resample_poly(audio.mean(axis=1), 1, 2)
    out = np.zeros(RATE * SECONDS)
    out[: min(len(out), len(audio))] = audio[: len(out)]
    return out


def sampled(rng):
    program = int(rng.choice(list(PROGRAMS)))
    notes, bend = phrase(rng, *PROGRAMS[program])
    audio = play(notes, bend, program)
    times = grid_times()
    midi = np.zeros(len(times))
    for onset, _, pitch, _ in notes:
        midi[times >= onset] = pitch
    f0 = np.where(midi > 0, 440 * 2 ** ((midi + bend - 69) / 12), 0.0)
    # What sounds is what is voiced: releases count while they are loud enough, slow attacks only once they are heard.
    level = level_db(audio)
    f0[level < max(level.max() - 45, -65)] = 0
    # Samples bring vibrato and detuning of their own: refine by instantaneous frequency where it stays near.
    refined = pyworld.stonemask(audio, f0, times, RATE)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.abs(1200 * np.log2(refined / f0)) < 60
    f0 = np.where(near & (f0 > 0), refined, f0)
    return audio, f0, [n[0] for n in notes]


# ---- harmonic tones

def tones(rng):
    """Glides and notes with random spectra: odd only, missing fundamental, inharmonic, one strong partial, formants."""
    times = grid_times()
    count = len(times)
    base = rng.uniform(np.log2(LOWEST), np.log2(HIGHEST))
    if rng.random() < 0.5:
        pitch = base + rng.uniform(0.05, 1.2) * smooth_noise(rng, count, int(rng.integers(60, 600)))
        onsets = []
    else:
        pitch, time, onsets = np.full(count, base), 0.1, []
        while time < SECONDS:
            pitch[times >= time] = base + rng.normal(0, 0.5)
            onsets.append(time)
            time += float(np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
        depth = rng.uniform(0, 0.06) * (rng.random() < 0.6)
        pitch = pitch + depth * np.sin(2 * np.pi * rng.uniform(3, 8) * times)
    low, high = np.log2(LOWEST), np.log2(HIGHEST)
    pitch = low + np.abs(np.mod(pitch - low, 2 * (high - low)) - (high - low) * 0)  # fold into range
    pitch = np.where(pitch > high, 2 * high - pitch, pitch)
    f0 = 2 ** np.clip(pitch, low, high)
    at = np.arange(RATE * SECONDS)
    f = np.interp(at / RATE, times, f0)
    if onsets:  # steps must be steps
        f = np.repeat(f0, GRID)
    phase = 2 * np.pi * np.cumsum(f) / RATE
    harmonics = int(np.clip(RATE / 2 / f0.min(), 1, 90))
    k = np.arange(1, harmonics + 1)
    style = rng.choice(["tilt", "odd", "missing", "single", "formant", "flat", "random"])
    amplitude = k ** -rng.uniform(0.3, 2.5)
    if style == "odd":
        amplitude = amplitude * np.where(k % 2 == 0, rng.uniform(0, 0.05), 1)
    elif style == "missing":
        amplitude[: int(rng.integers(1, 4))] *= rng.uniform(0, 0.02) if harmonics > 6 else 0.3
    elif style == "single" and harmonics > 2:
        amplitude[int(rng.integers(1, min(8, harmonics)))] *= rng.uniform(3, 20)
    elif style == "flat":
        amplitude = np.ones(harmonics) / (1 + (k > rng.integers(2, 60)) * 100.0)
    elif style == "random":
        amplitude = amplitude * np.exp(rng.normal(0, 1.2, harmonics))
    stretch = np.sqrt(1 + k**2 * (10 ** rng.uniform(-5, -3.5) if rng.random() < 0.25 else 0))
    centres, widths = rng.uniform(250, 5000, 4), rng.uniform(60, 500, 4)
    audio = np.zeros(len(at))
    start = rng.uniform(0, 2 * np.pi, harmonics)
    for index, order in enumerate(k):
        partial = f * order * stretch[index]
        if partial.min() > RATE / 2 - 200:
            break
        gain = amplitude[index] * np.clip((RATE / 2 - 100 - partial) / 200, 0, 1)
        if style == "formant":
            gain = gain * (0.02 + sum(np.exp(-0.5 * ((partial - c) / w) ** 2) for c, w in zip(centres, widths)))
        audio += gain * np.sin(phase * order * stretch[index] + start[index])
    audio /= np.abs(audio).max() + 1e-9
    # Amplitude: swells, plucked decays, gaps.
    envelope = np.exp(0.7 * smooth_noise(rng, count, int(rng.integers(40, 300))))
    if onsets and rng.random() < 0.6:
        decay = rng.uniform(0.1, 1.5)
        since = times - np.array(onsets)[np.clip(np.searchsorted(onsets, times, "right") - 1, 0, None)]
        envelope = np.exp(-np.maximum(since, 0) / decay) * np.minimum(1, np.maximum(since, 0) / 0.005 + 0.05)
    voiced = np.ones(count, bool)
    for _ in range(int(rng.integers(0, 6))):
        a = rng.uniform(0, SECONDS)
        voiced[(times > a) & (times < a + rng.uniform(0.05, 1.2))] = False
    gate = scipy.signal.fftconvolve(voiced.astype(float), np.hanning(7) / 3, mode="same")
    audio *= np.interp(at / RATE, times, np.clip(envelope, 0, 4) * np.clip(gate, 0, 1)) * 0.3
    if rng.random() < 0.3:  # breath that follows the tone
        breath = scipy.signal.lfilter(*scipy.signal.butter(2, rng.uniform(800, 3000), fs=RATE), rng.normal(size=len(at)))
        audio += breath * np.abs(audio).max() * 10 ** (-rng.uniform(20, 45) / 20)
    f0 = np.where(voiced & (envelope > 0.01), f0, 0)
    return audio, f0, onsets


# ---- voices

WORDS = ("la sol mi why are rolling hills evening river over morning yellow lemon away only alone seven under the moon "
         "I wonder how many people sing in winter choose a simple melody quickly stop and take six big fish home "
         "every open window shows another colour of the same long summer day please hold on to what you know").split()


def speak(rng, folder, whisper=False):
    """Speech of about 10 s at 16 kHz from one of espeak-ng's voices."""
    voice = str(rng.choice(["en-us", "en-gb", "de", "fr", "it", "es", "pt", "pl", "sv", "fi", "cs", "nl"]))
    variant = "whisper" if whisper else str(rng.choice(["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8",
                                                        "f1", "f2", "f3", "f4", "f5", "croak"]))
    text = " ".join(rng.choice(WORDS, 60)) + "."
    path = f"{folder}/speech.wav"
    subprocess.run(["espeak-ng", "-v", f"{voice}+{variant}", "-s", str(int(rng.integers(90, 190))),
                    "-p", str(int(rng.integers(10, 90))), "-w", path, text], check=True, stderr=subprocess.DEVNULL)
    audio, rate = soundfile.read(path)
    audio = scipy.signal.resample_poly(audio, RATE, rate)
    start = int(rng.integers(0, max(1, len(audio) - RATE * SECONDS)))
    audio = audio[start: start + RATE * SECONDS]
    return np.pad(audio, (0, RATE * SECONDS - len(audio))) * 0.7


@functools.cache
def prompts():
    """The recorded prompts by speaker: folder name → paths, those that are no speech left out."""
    speakers = {}
    for path in sorted(RECORDINGS.rglob("*.g722")):
        speaker = path.relative_to(RECORDINGS).parts[0]
        if not path.parent.is_symlink() and not (RECORDINGS / speaker).is_symlink() and path.parent.name != "silence" \
                and not {"beep", "beeperr", "ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"} & {path.stem}:
            speakers.setdefault(speaker, []).append(path)
    if not speakers:
        raise SystemExit(f"{RECORDINGS} holds no recordings (.g722): install asterisk-core-sounds-en-g722 and the like")
    return speakers


def recite(rng):
    """Speech of 10 s at 16 kHz: prompts of one speaker, one after the other."""
    paths = prompts()[str(rng.choice(list(prompts())))]
    audio = np.zeros(int(rng.uniform(0, 0.3) * RATE))
    while len(audio) < RATE * SECONDS:
        # G.722's 64 kbit/s mode, headerless.
        raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "g722", "-i", str(paths[int(rng.integers(len(paths)))]),
                              "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-"], check=True, capture_output=True).stdout
        audio = np.concatenate([audio, np.frombuffer(raw, "<i2") / 32768, np.zeros(int(rng.uniform(0.02, 0.3) * RATE))])
    return audio[: RATE * SECONDS]


def voice(rng):
    """Speech or singing: espeak-ng's spectra and aperiodicity, our f0."""
    with tempfile.TemporaryDirectory() as folder:
        return resing(rng, speak(rng, folder))


def readers(rng):
    """As voice, with the spectra and aperiodicity of people."""
    return resing(rng, recite(rng))


def recorded(rng):
    """People's speech as it is; known is what trackers of three kinds agree about, to 40 cents, or that there is nothing."""
    audio = recite(rng)
    times = grid_times()
    curves = []
    for name in ("swift-f0", "crepe-tiny"):
        at, f0, confidence = tracker(name)(audio.astype(np.float32))
        nearest = np.clip(np.searchsorted(at, times - np.median(np.diff(at)) / 2), 0, len(at) - 1)
        # Near a half nobody is sure.
        curves.append(np.where(confidence > 0.6, f0, np.where(confidence < 0.4, 0, -1))[nearest])
    f0, t = pyworld.harvest(audio, RATE, f0_floor=50, f0_ceil=900, frame_period=2.5)
    curves.append(f0[: len(times)])
    curves = np.stack(curves)
    middle = np.median(curves, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = (curves > 0).all(axis=0) & (np.abs(np.log2(curves / middle)).max(axis=0) * 1200 < 40)
        refined = pyworld.stonemask(audio, np.where(agreed, middle, 0), times, RATE)
        agreed &= np.abs(np.log2(refined / middle)) * 1200 < 40
    # Harvest hears a pitch nearly everywhere: whether there is none is DIO's to say.
    dio, _ = pyworld.dio(audio, RATE, f0_floor=50, f0_ceil=900, frame_period=2.5)
    silent = (curves[:2] == 0).all(axis=0) & (dio[: len(times)] == 0)
    return audio, np.where(agreed, refined, np.where(silent, 0, -1)), []


@functools.cache
def tracker(name):
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "../peers"))
    import trackers

    return trackers.find(name)[0]()


def resing(rng, audio):
    """Speech with its spectra (or of another vocal tract) and aperiodicity, and an f0 of ours."""
    f0, t = pyworld.dio(audio, RATE, f0_floor=50, f0_ceil=600)
    f0 = pyworld.stonemask(audio, f0, t, RATE)
    spectrum = pyworld.cheaptrick(audio, f0, t, RATE)
    aperiodicity = pyworld.d4c(audio, f0, t, RATE)
    # Where D4C hears no period WORLD synthesises noise, whatever f0 says.
    voiced = (f0 > 0) & (aperiodicity[:, : aperiodicity.shape[1] // 8].mean(axis=1) < 0.6)
    filled = np.interp(t, t[voiced], f0[voiced]) if voiced.any() else np.full(len(t), 150.0)
    style = rng.choice(["spoken", "sung", "glided"], p=[0.35, 0.45, 0.2])
    median = 2 ** rng.uniform(np.log2(65), np.log2(900))
    if style == "spoken":
        target = median * (filled / np.median(filled)) ** rng.uniform(0.5, 1.8)
    elif style == "sung":
        target, time = np.full(len(t), median), 0.0
        while time < SECONDS:
            target[t >= time] = median * 2 ** (rng.integers(-7, 8) / 12)
            time += rng.uniform(0.15, 1.2)
        target = np.exp(scipy.ndimage.gaussian_filter1d(np.log(target), rng.uniform(1, 8)))  # portamento
        target = target * 2 ** (rng.uniform(0, 0.08) * np.sin(2 * np.pi * rng.uniform(4, 7) * t))
    else:
        target = median * 2 ** (0.6 * smooth_noise(rng, len(t), int(rng.integers(20, 200))))
    target = target * 2 ** (0.004 * smooth_noise(rng, len(t), 6))  # the unsteadiness of any throat
    target = np.where(voiced, np.clip(target, 45, 1500), 0)
    if rng.random() < 0.6:  # another vocal tract
        ratio = rng.uniform(0.75, 1.35)
        bins = np.clip(np.arange(spectrum.shape[1]) / ratio, 0, spectrum.shape[1] - 1)
        spectrum = np.ascontiguousarray(np.stack([np.interp(bins, np.arange(len(s)), s) for s in spectrum]))
    out = pyworld.synthesize(target, spectrum, aperiodicity, RATE)
    out = np.pad(out, (0, max(0, RATE * SECONDS - len(out))))[: RATE * SECONDS]
    nearest = np.clip(np.round(grid_times() / 0.005).astype(int), 0, len(t) - 1)
    inside = voiced[nearest]
    curve = np.where(inside, np.interp(grid_times(), t, np.where(voiced, target, np.nan)), 0)
    curve = np.where(np.isnan(curve), np.where(inside, target[nearest], 0), curve)
    curve[level_db(out) < max(level_db(out).max() - 50, -70)] = 0
    return out, curve, []


# ---- unpitched sound

def coloured(rng, count):
    """Noise with a random tilt (−9 to +6 dB an octave) and up to two broad humps."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    f = np.fft.rfftfreq(count, 1 / RATE)
    gain = np.maximum(f, 20) ** (rng.uniform(-1.5, 1.0))
    for _ in range(int(rng.integers(0, 3))):
        centre = np.exp(rng.uniform(np.log(80), np.log(6000)))
        gain = gain * (1 + 10 * np.exp(-0.5 * (np.log2(np.maximum(f, 1) / centre) / rng.uniform(0.3, 1.5)) ** 2))
    noise = np.fft.irfft(spectrum * gain, count)
    return noise / np.abs(noise).max()


def drum_kit(rng, keys):
    """Strokes of General MIDI's percussion keys on one of seven kits."""
    notes, time, pace = [], 0.1, rng.uniform(0.08, 0.4)
    while time < SECONDS - 0.2:
        notes.append((time, time + 0.1, int(rng.choice(keys)), int(rng.integers(40, 127))))
        time += pace * float(rng.choice([0, 0.5, 1, 1, 2])) + 0.01
    audio = play(notes, np.zeros(len(grid_times())), int(rng.choice([0, 8, 16, 24, 25, 32, 40])), channel=9)
    return audio / (np.abs(audio).max() + 1e-9) * 0.5


def drums(rng):
    """Kits as drummers have them: bass drum, snare, hi-hat, cymbals, and toms, whose short tones are no notes to follow."""
    keys = [35, 36, 38, 40, 37, 42, 44, 46, 49, 51, 53] + ([41, 43, 45, 47, 48, 50] if rng.random() < 0.7 else [])
    return drum_kit(rng, keys), np.zeros(len(grid_times())), []


def unpitched(rng):
    count = RATE * SECONDS
    style = rng.choice(["noise", "drums", "bursts", "whisper", "clicks", "silence"], p=[0.2, 0.3, 0.2, 0.15, 0.1, 0.05])
    if style == "drums":
        audio = drum_kit(rng, [35, 36, 37, 38, 39, 40, 42, 44, 46, 49, 51, 53, 54, 57, 59, 69, 70, 73, 82])
    elif style == "whisper":
        with tempfile.TemporaryDirectory() as folder:
            audio = speak(rng, folder, whisper=True)
    elif style == "bursts":
        audio, time = np.zeros(count), 0.1
        while time < SECONDS - 0.5:
            length = rng.uniform(0.02, 0.6)
            a = int(time * RATE)
            n = min(int(length * RATE), count - a)
            shape = np.hanning(n) if rng.random() < 0.5 else np.exp(-np.arange(n) / n * 6)
            audio[a: a + n] += coloured(rng, n) * shape * rng.uniform(0.05, 0.6)
            time += length + rng.uniform(0, 0.8)
    elif style == "clicks":
        audio = np.zeros(count)
        audio[rng.integers(0, count, int(rng.integers(5, 120)))] = rng.uniform(-0.8, 0.8)
        audio = scipy.signal.lfilter(*scipy.signal.butter(2, rng.uniform(1500, 7000), fs=RATE), audio)
    elif style == "silence":
        audio = rng.normal(size=count) * 10 ** rng.uniform(-6, -3.5)
    else:
        audio = coloured(rng, count) * 0.5 * np.repeat(
            np.exp(0.5 * smooth_noise(rng, len(grid_times()), 200)).clip(0, 2), GRID)
    return audio, np.zeros(len(grid_times())), []


# ---- what happens between the instrument and the converter

def room(rng, audio):
    reverberation = rng.uniform(0.08, 0.9)  # seconds to −60 dB
    n = int(reverberation * RATE)
    response = rng.normal(size=n) * 10 ** (-3 * np.arange(n) / n)
    response[: int(rng.uniform(0.002, 0.02) * RATE)] = 0
    cutoff = rng.uniform(1500, 7500)
    response = scipy.signal.lfilter(*scipy.signal.butter(1, cutoff, fs=RATE), response)
    response *= 10 ** (-rng.uniform(2, 25) / 20) / np.sqrt(np.sum(response**2) + 1e-12)
    response[0] = 1
    return scipy.signal.fftconvolve(audio, response)[: len(audio)]


def channel(rng, audio):
    if rng.random() < 0.3:
        audio = room(rng, audio)
    if rng.random() < 0.25:  # equaliser
        spectrum, f = np.fft.rfft(audio), np.fft.rfftfreq(len(audio), 1 / RATE)
        gain = np.zeros(len(f))
        for _ in range(int(rng.integers(1, 5))):
            centre = np.exp(rng.uniform(np.log(60), np.log(6000)))
            gain += rng.uniform(-15, 10) * np.exp(-0.5 * (np.log2(np.maximum(f, 1) / centre) / rng.uniform(0.2, 2)) ** 2)
        audio = np.fft.irfft(spectrum * 10 ** (gain / 20), len(audio))
    if rng.random() < 0.12:  # telephone, small loudspeaker, dull pickup
        if rng.random() < 0.6:
            audio = scipy.signal.sosfilt(
                scipy.signal.butter(2, rng.uniform(80, 350), "highpass", fs=RATE, output="sos"), audio)
        audio = scipy.signal.sosfilt(
            scipy.signal.butter(4, rng.uniform(1500, 6000), fs=RATE, output="sos"), audio)
    if rng.random() < 0.12:  # clipping
        limit = np.abs(audio).max() * rng.uniform(0.1, 0.7) + 1e-9
        audio = np.clip(audio, -limit, limit) if rng.random() < 0.5 else limit * np.tanh(audio / limit)
    return audio


KINDS = [("sampled", sampled, 0.42), ("tones", tones, 0.22), ("voice", voice, 0.22), ("unpitched", unpitched, 0.14)]
MORE = {"drums": drums, "readers": readers, "recorded": recorded} | {name: function for name, function, _ in KINDS}


def make(seed, kind=None):
    rng = np.random.default_rng([seed, 5])
    if kind:
        name, function = kind, MORE[kind]
    else:
        name, function, _ = KINDS[rng.choice(len(KINDS), p=[k[2] for k in KINDS])]
    audio, f0, onsets = function(rng)
    f0 = np.where((f0 < 0) | ((f0 >= LOWEST * 0.98) & (f0 <= HIGHEST * 1.02)), f0, 0)
    level = level_db(audio)
    audio = channel(rng, audio)
    peak = np.abs(audio).max()
    if peak > 0.95 or (peak > 1e-3 and rng.random() < 0.5):
        scale = 0.9 * 10 ** (-rng.uniform(0, 20) / 20) / peak
        audio, level = audio * scale, level + 20 * np.log10(scale)
    return dict(audio=np.round(audio * 32767).astype(np.int16), f0=f0.astype(np.float32),
                level=level.astype(np.float32), onset=np.array(onsets, np.float32), kind=name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--clips", type=int, default=1200)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kind", choices=MORE)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.first + arguments.worker, arguments.first + arguments.clips, arguments.workers):
        path = arguments.output / f"{seed:05d}.npz"
        if path.exists():
            continue
        clip = make(seed, arguments.kind)
        partial = path.with_suffix(f".partial{arguments.worker}.npz")
        np.savez(partial, **clip)
        partial.rename(path)


if __name__ == "__main__":
    main()
