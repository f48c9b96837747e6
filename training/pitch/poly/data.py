"""Makes the training data of the polyphonic network: clips of 40 s as quantised spectra, with their notes.

    python data.py --output work/data [--first 0] [--clips 400] [--worker 0 --workers 1]

Clip i is made from seed i alone, so this resumes where it was interrupted and can be divided among workers. Each is an
.npz with

    spectra  uint8 [4000, 3, 272]   frontend.spectra, quantised
    notes    float32 [N, 6]         onset and end (s), key, level (dB of the note alone), cents off the key, velocity
    kind     str

A note ends where its key is let go, or where it has died away by itself (35 dB under its peak, as measured on single
notes; work/instruments.json).
"""

import argparse
import json
import os
import pathlib
import sys

import numpy as np
import scipy.signal

HERE = pathlib.Path(__file__).parent
sys.path += [str(HERE.parent), str(HERE.parent.parent / "bass")]

import fluid  # noqa: E402
import render  # noqa: E402

import compose  # noqa: E402
import frontend  # noqa: E402

RATE = frontend.RATE
SECONDS = 40
BLOCK = fluid.BLOCK / (2 * RATE)  # seconds: events at 32 kHz
# csound-soundfont's bank is in the public domain. The held-out TimGM6mb is not heard here.
fluid.FONTS["csound"] = os.environ.get("CSOUND_SOUNDFONT", "/usr/share/sounds/sf2/sf_GMbank.sf2")
TRAINING_FONTS = ("fluid", "musescore", "csound")
FAMILIES = {  # share; General MIDI programs from 0; lowest and highest key
    "piano": (0.26, (0, 0, 0, 1, 2, 3), (28, 99)),
    "electric piano": (0.06, (4, 5, 7), (32, 96)),
    "harpsichord": (0.02, (6,), (36, 88)),
    "guitar": (0.26, (24, 24, 25, 25, 26, 27, 28), (40, 86)),
    "driven guitar": (0.03, (29, 30), (40, 84)),
    "organ": (0.06, (19, 20, 21, 22), (36, 90)),
    "mallets": (0.06, (11, 11, 12, 8), (45, 96)),
    "harp": (0.05, (46,), (30, 96)),
    "strings": (0.06, (48, 49, 45, 52, 40, 42), (36, 92)),
    "synthetic": (0.14, (), (28, 99)),
}


# ---- instruments as they are measured: what sounds how long, how loud, how far off

def comb(audio, frequency):
    """Energy of the first harmonics of a frequency, against that between them."""
    size = 1 << 16
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size)) ** 2
    place = np.arange(1, 7) * frequency * size / RATE
    place = place[place < size // 2 - 20]
    on = sum(power[int(p) - 12: int(p) + 13].max() for p in place)
    off = sum(power[int(p - place[0] / 2) - 12: int(p - place[0] / 2) + 13].max() for p in place)
    return on, off


def measure(player, font, program, low, high):
    """One note of 7 s every fourth key: {key: [seconds to −35 dB, peak dB, cents off]}; None if the program is out of tune or
    octave."""
    out, strange = {}, 0
    for key in range(low, high + 1, 4):
        blocks = int(7 / BLOCK)
        audio = player.play([(font, 0, program)], [(1, 0, "on", key, 100), (blocks - 1, 0, "off", key, 0)], blocks)[0]
        audio = scipy.signal.resample_poly(audio, 1, 2)
        power = scipy.signal.fftconvolve(audio.astype(np.float64) ** 2, np.ones(800) / 800, mode="valid")[::160]
        level = 10 * np.log10(np.maximum(power, 1e-12))
        peak = level.max()
        loud = np.flatnonzero(level > peak - 35)
        end = (loud[-1] + 5) * 0.01 if peak > -70 else 0.0
        f0 = 440 * 2 ** ((key - 69) / 12)
        steady = audio[2400: 2400 + 12000].astype(np.float64)
        cents = 0.0
        if peak > -60:
            best = max(np.arange(-60, 61, 4), key=lambda c: comb(steady, f0 * 2 ** (c / 1200))[0])
            on, off = comb(steady, f0 * 2 ** (best / 1200))
            cents = float(best)
            lower_on = comb(steady, f0 / 2 * 2 ** (best / 1200))
            strange += abs(best) > 40 or lower_on[1] > 0.3 * on  # what lies between: odd harmonics of the octave below
        else:
            strange += 1
        out[key] = [round(float(end), 2), round(float(peak), 1), cents]
    return None if strange > len(out) // 3 else out


def instruments(player, path):
    """{font: {program: measured}} of all programs in FAMILIES, from the file if it is there."""
    if path.exists():
        return json.loads(path.read_text())
    table = {}
    for font in TRAINING_FONTS:
        table[font] = {}
        for _, programs, (low, high) in FAMILIES.values():
            for program in sorted(set(programs)):
                table[font][str(program)] = measure(player, font, program, low, high)
        print(font, "left out:", [p for p, m in table[font].items() if m is None], flush=True)
    partial = path.with_suffix(f".partial{os.getpid()}")
    partial.write_text(json.dumps(table))
    os.replace(partial, path)
    return table


def of_key(measured, key):
    keys = np.array([int(k) for k in measured])
    values = np.array(list(measured.values()))
    return [np.interp(key, keys, values[:, i]) for i in range(3)]


# ---- players

def sampled(rng, player, table, family):
    """Audio [samples] of one part, and its notes [N, 6]."""
    _, programs, (low, high) = FAMILIES[family]
    font, program = TRAINING_FONTS[rng.choice(3, p=[0.35, 0.35, 0.3])], int(rng.choice(programs))
    measured = table[font][str(program)] or table["fluid"][str(program)] or table["fluid"]["0"]
    if table[font][str(program)] is None:
        font, program = "fluid", program if table["fluid"][str(program)] else 0
    notes = compose.part(rng, SECONDS, low, high)
    # Instruments are out of tune as a whole, some a good deal.
    tuning = rng.normal() * 0.05 if rng.random() < 0.7 else rng.uniform(-0.4, 0.4)
    events = [(0, 0, "bend", tuning, 0)]
    for onset, offset, key, velocity in notes:
        events.append((round(onset / BLOCK), 0, "on", int(key), int(velocity)))
        events.append((max(round(offset / BLOCK), round(onset / BLOCK) + 1), 0, "off", int(key), 0))
    audio = player.play([(font, 0, program)], events, round(SECONDS / BLOCK))[0]
    audio = scipy.signal.resample_poly(audio.astype(np.float64), 1, 2)
    labels = []
    for onset, offset, key, velocity in notes:
        lasts, peak, cents = of_key(measured, key)
        level = peak + 40 * np.log10(velocity / 100)
        labels.append((onset, min(offset, onset + lasts), key, level, cents + 100 * tuning, velocity))
    return audio, np.array(labels).reshape(-1, 6)


def synthetic(rng):
    """Struck and plucked strings and bars, organs, made of decaying partials whose spectrum is anybody's guess."""
    low, high = sorted(rng.integers(28, 100, 2))
    low, high = max(28, min(low, high - 24)), min(99, max(high, low + 24))
    notes = compose.part(rng, SECONDS, int(low), int(high))
    audio = np.zeros(RATE * SECONDS)
    tuning = rng.normal() * 0.08
    partials = np.arange(1, 41)
    tilt, stretch = rng.uniform(0.6, 2.2), 10 ** rng.uniform(-5.5, -3.4) * (rng.random() < 0.6)
    spectrum = np.exp(rng.normal(0, rng.uniform(0.1, 1.0), 40))
    if rng.random() < 0.35:  # plucked or struck at a place
        spectrum = spectrum * (0.05 + np.abs(np.sin(np.pi * partials * rng.uniform(0.06, 0.5))))
    if rng.random() < 0.1:
        spectrum[1::2] *= rng.uniform(0, 0.2)
    attack, held = np.exp(rng.uniform(np.log(0.001), np.log(0.03))), rng.random() < 0.2
    decay, damping = np.exp(rng.uniform(np.log(0.3), np.log(4.0))), rng.uniform(0, 0.25)
    release = rng.uniform(0.02, 0.2)
    click = rng.uniform(0, 0.3) * (rng.random() < 0.5)
    labels = []
    for onset, offset, key, velocity in notes:
        f0 = 440 * 2 ** ((key + tuning - 69) / 12)
        frequency = f0 * partials * np.sqrt(1 + stretch * partials**2)
        count = int(np.sum(frequency < 7600))
        brightness = tilt + (100 - velocity) * 0.008 + max(0, key - 60) * 0.01
        amplitude = (spectrum * partials ** -brightness)[:count]
        amplitude = amplitude / np.sqrt((amplitude**2).sum()) * (velocity / 127) ** 1.5 * 0.15
        own = decay * 2 ** (-(key - 60) / 24)
        lasts = 9.0 if held else own * 4.0  # e-foldings: 35 dB
        n = int(min(offset - onset + 4 * release, lasts * 1.3, SECONDS - onset) * RATE)
        age = np.arange(n) / RATE
        # Partials in turn, each only as long as it is heard.
        tone = np.zeros(n)
        for i in range(count):
            rate = 0 if held else (1 + damping * i) / own
            upto = n if not rate else min(n, int(6 / rate * RATE) + 1)
            if amplitude[i] < 1e-3 * amplitude.max():
                continue
            phase = (2 * np.pi * frequency[i] / RATE) * np.arange(upto) + rng.uniform(0, 2 * np.pi)
            tone[:upto] += amplitude[i] * np.sin(phase) * np.exp(-age[:upto] * rate)
        tone *= np.minimum(1, age / attack) * np.where(age > offset - onset, np.exp(-(age - offset + onset) / release * 2), 1)
        if click:
            tone[: 400] += (rng.normal(size=400) * np.exp(-np.arange(400) / 80))[: len(tone[:400])] * click * amplitude.max()
        start = int(onset * RATE)
        tone = tone[: len(audio) - start]
        audio[start: start + len(tone)] += tone
        level = 10 * np.log10((amplitude**2).sum() / 2 + 1e-9)
        labels.append((onset, min(offset, onset + lasts), key, level, 100 * tuning, velocity))
    return audio, np.array(labels).reshape(-1, 6)


def noise(rng, count):
    """Noise of unit power with a tilt of −9 to +3 dB an octave; hum; knocks on the body."""
    spectrum, f = np.fft.rfft(rng.normal(size=count)), np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20)
    out = np.fft.irfft(spectrum * f ** rng.uniform(-1.5, 0.5), count)
    out /= np.sqrt((out**2).mean())
    if rng.random() < 0.2:
        t = np.arange(count) / RATE
        out += sum(np.sin(2 * np.pi * rng.choice([50, 60]) * k * t) / k for k in (1, 2, 3, 5)) * rng.uniform(0.3, 2)
    if rng.random() < 0.3:
        for at in rng.uniform(0, count - 4000, int(rng.integers(5, 60))).astype(int):
            knock = rng.normal(size=4000) * np.exp(-np.arange(4000) / rng.uniform(50, 700))
            sos = scipy.signal.butter(1, rng.uniform(150, 4000), fs=RATE, output="sos")
            out[at: at + 4000] += scipy.signal.sosfilt(sos, knock) * rng.uniform(1, 12)
    return out


def make(seed, player, table):
    rng = np.random.default_rng([seed, 28])
    names = list(FAMILIES)
    family = str(rng.choice(names, p=[FAMILIES[n][0] for n in names]))
    audio, notes = synthetic(rng) if family == "synthetic" else sampled(rng, player, table, family)
    if rng.random() < 0.12:  # two players
        other = str(rng.choice([n for n in names if n != "synthetic"]))
        more, others = sampled(rng, player, table, other)
        gain = 10 ** (rng.uniform(-9, 3) / 20) * np.sqrt((audio**2).mean() / max(1e-12, (more**2).mean()))
        audio = audio + gain * more
        others[:, 3] += 20 * np.log10(gain)
        notes = np.concatenate([notes, others])
        family += " and " + other
    before = np.sqrt((audio**2).mean()) + 1e-9
    audio = render.channel(rng, audio)
    if family.startswith("driven") or (family.startswith(("guitar", "electric")) and rng.random() < 0.2):
        drive = np.exp(rng.uniform(0, 1.8)) / (np.abs(audio).max() + 1e-9)
        audio = np.tanh(audio * drive) / drive
    if rng.random() < 0.3:
        audio = render.room(rng, audio)
    power = np.sqrt((audio**2).mean()) + 1e-9
    if rng.random() < 0.6:
        audio = audio + power * 10 ** (-rng.uniform(18, 60) / 20) * noise(rng, len(audio))
    # Levels from a quiet room to just under full scale, most of them healthy.
    scale = 10 ** (-abs(rng.normal()) * 12 / 20) * 0.9 / (np.abs(audio).max() + 1e-9)
    notes[:, 3] += 20 * np.log10(scale * power / before)
    audio = np.round(audio * scale * 32767) / 32768
    notes = notes[np.argsort(notes[:, 0])]
    return dict(spectra=frontend.quantise(frontend.spectra(audio)), notes=notes.astype(np.float32), kind=family), audio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    player = fluid.Player(2 * RATE, 16, fonts=TRAINING_FONTS)
    table = instruments(player, arguments.output.parent / "instruments.json")
    for seed in range(arguments.first + arguments.worker, arguments.first + arguments.clips, arguments.workers):
        path = arguments.output / f"{seed:05d}.npz"
        if path.exists():
            continue
        clip, _ = make(seed, player, table)
        partial = path.with_suffix(f".partial{arguments.worker}.npz")
        np.savez(partial, **clip)
        partial.rename(path)


if __name__ == "__main__":
    main()
