"""Renders the note-evaluation melodies: sampled instruments playing lines whose notes are known exactly.

    python training/melodies/render.py [--soundfont FluidR3_GM.sf2] [--output Tests/vectors/melodies]

Each melody becomes NAME.flac (mono, 44.1 kHz, 16 bit) and NAME.tsv with one note a line: onset and offset in seconds
(of the MIDI events: what a listener's metronome would say), MIDI pitch, and `attack`, the measured time in seconds from
the MIDI onset until the note, rendered alone, has come within 20 dB of its loudest 10 ms. Seeded: the same
soundfont and fluidsynth give the same files.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile

import mido
import numpy as np
import soundfile

RATE = 44100
TICKS_PER_SECOND = 1000  # 480 000 µs a beat and 480 ticks a beat: one tick is one millisecond
BEND_RANGE = 2.0  # semitones either way, the General MIDI default
LEAD_IN = 0.25  # seconds of silence before the first note


class Instrument:
    """What a player of this instrument does: range (MIDI), ornaments, and how long notes last."""

    def __init__(self, name, program, low, high, vibrato=0.0, scoop=0.0, legato=0.5, shortest=0.12, seed=0):
        self.name, self.program, self.low, self.high = name, program, low, high
        self.vibrato = vibrato  # half-width in semitones, on notes over 0.35 s
        self.scoop = scoop  # probability that a note is reached by a glide from a semitone or less below
        self.legato = legato  # probability that a note lasts until the next one
        self.shortest = shortest  # seconds
        self.seed = seed


INSTRUMENTS = [
    Instrument("violin", 40, 55, 86, vibrato=0.25, legato=0.6, seed=11),
    Instrument("flute", 73, 62, 91, vibrato=0.15, legato=0.5, seed=12),
    Instrument("clarinet", 71, 52, 84, legato=0.6, seed=13),
    Instrument("trumpet", 56, 57, 82, vibrato=0.12, legato=0.3, seed=14),
    Instrument("nylon-guitar", 24, 43, 79, scoop=0.15, legato=0.7, seed=15),
    Instrument("alto-sax", 65, 52, 79, vibrato=0.2, scoop=0.2, legato=0.5, seed=16),
    Instrument("cello", 42, 38, 67, vibrato=0.2, legato=0.5, shortest=0.18, seed=17),
    Instrument("fingered-bass", 33, 28, 50, legato=0.5, seed=18),
    Instrument("voice-oohs", 53, 50, 76, vibrato=0.3, scoop=0.1, legato=0.5, shortest=0.2, seed=19),
    Instrument("electric-guitar", 27, 45, 81, vibrato=0.2, scoop=0.2, legato=0.7, seed=20),
]

MODES = [
    [0, 2, 4, 5, 7, 9, 11],  # major
    [0, 2, 3, 5, 7, 8, 10],  # natural minor
    [0, 2, 3, 5, 7, 9, 10],  # dorian
    [0, 3, 5, 6, 7, 10],  # blues
]


def compose(instrument, seconds):
    """A line: [(onset, offset, midi, velocity, ornament)], ornament one of "", "vibrato", "scoop"."""
    rng = np.random.default_rng(instrument.seed)
    mode = MODES[rng.integers(len(MODES))]
    tonic = int(rng.integers(12))
    ladder = [p for p in range(instrument.low, instrument.high + 1) if (p - tonic) % 12 in mode]
    unit = rng.uniform(0.12, 0.16)  # a sixteenth, in seconds: 94 to 125 beats a minute
    position = len(ladder) // 2
    notes, time, motif = [], LEAD_IN, []
    while time < seconds - 0.6:
        if not motif:
            # A bar's rhythm in sixteenths, now and then with a run or repeated notes.
            motif = list(rng.choice([1, 1, 2, 2, 2, 3, 4, 4, 6, 7], size=rng.integers(3, 7)))
            repeat = rng.random() < 0.25
        length = max(motif.pop(0) * unit, instrument.shortest) * rng.uniform(0.97, 1.03)
        if rng.random() < 0.12:
            time += length  # a rest
            continue
        if not (repeat and notes):
            step = rng.choice([-4, -3, -2, -1, -1, -1, 1, 1, 1, 2, 3, 4])
            if abs(position - len(ladder) / 2) > len(ladder) / 3:
                step = -abs(step) if position > len(ladder) / 2 else abs(step)
            position = int(np.clip(position + step, 0, len(ladder) - 1))
        midi = ladder[position]
        legato = rng.random() < instrument.legato and not (notes and notes[-1][2] == midi)
        sounding = length if legato else max(0.09, length * rng.uniform(0.6, 0.85))
        ornament = ""
        if instrument.vibrato and length > 0.35 and rng.random() < 0.8:
            ornament = "vibrato"
        elif rng.random() < instrument.scoop and length > 0.22:
            ornament = "scoop"
        velocity = int(np.clip(rng.normal(88, 14), 55, 122))
        notes.append((round(time, 3), round(min(time + sounding, seconds - 0.25), 3), int(midi), velocity, ornament))
        time += length
    return notes


def bends(note, instrument):
    """Pitch-bend curve of a note: [(time, semitones)], one point each 5 ms."""
    onset, offset, _, _, ornament = note
    points = [(onset, 0.0)]
    if ornament == "vibrato":
        rng = np.random.default_rng(int(onset * 1000) + instrument.seed)
        rate, delay = rng.uniform(4.8, 6.2), rng.uniform(0.12, 0.2)
        for t in np.arange(delay, offset - onset, 0.005):
            growth = min(1.0, (t - delay) / 0.25)
            points.append((onset + t, instrument.vibrato * growth * np.sin(2 * np.pi * rate * (t - delay))))
    elif ornament == "scoop":
        points = [(onset + t, -0.9 * (1 - t / 0.06)) for t in np.arange(0, 0.06, 0.005)] + [(onset + 0.06, 0.0)]
    return points


def midi_file(notes, instrument):
    """The line as a one-track MIDI file with millisecond ticks."""
    events = []  # (tick, order, message)
    for note in notes:
        onset, offset, midi, velocity, _ = note
        for t, semitones in bends(note, instrument):
            value = int(np.clip(round(semitones / BEND_RANGE * 8192), -8192, 8191))
            events.append((t, 1, mido.Message("pitchwheel", pitch=value)))
        events.append((onset, 2, mido.Message("note_on", note=midi, velocity=velocity)))
        events.append((offset, 0, mido.Message("note_off", note=midi)))
    events.sort(key=lambda e: (round(e[0] * TICKS_PER_SECOND), e[1]))
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=480_000))
    track.append(mido.Message("program_change", program=instrument.program))
    now = 0
    for t, _, message in events:
        tick = round(t * TICKS_PER_SECOND)
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=300))
    return file


def synthesise(file, soundfont, seconds):
    """Renders a MIDI file dry (no reverb, no chorus) to mono float samples of the given length."""
    with tempfile.TemporaryDirectory() as folder:
        mid, wav = f"{folder}/a.mid", f"{folder}/a.wav"
        file.save(mid)
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-r", str(RATE), "-F", wav, soundfont, mid],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples, rate = soundfile.read(wav, dtype="float32")
    assert rate == RATE
    mono = samples.mean(axis=1)
    out = np.zeros(int(seconds * RATE), dtype=np.float32)
    out[: min(len(mono), len(out))] = mono[: len(out)]
    return out


def play(notes, instrument, soundfont, seconds):
    """The line as one monophonic instrument plays it: a note's release ends where the next note begins.

    A sampler lets releases ring on (FluidR3's cello for half a second), which no cello does on one string: even and odd
    notes are rendered apart, each faded out over 25 ms from the next onset.
    """
    time = np.arange(int(seconds * RATE)) / RATE
    mixed = np.zeros(len(time), dtype=np.float32)
    for parity in (0, 1):
        voice = synthesise(midi_file(notes[parity::2], instrument), soundfont, seconds)
        gate = np.zeros(len(time), dtype=np.float32)
        for index in range(parity, len(notes), 2):
            onset = notes[index][0] - 0.002
            following = notes[index + 1][0] if index + 1 < len(notes) else seconds
            again = notes[index + 2][0] - 0.002 if index + 2 < len(notes) else seconds
            sounding = (time >= onset) & (time < again)
            gate[sounding] = np.clip(1 - (time[sounding] - following) / 0.025, 0, 1)
        mixed += voice * gate
    return mixed


def measure_attacks(notes, instrument, soundfont):
    """Seconds from each note's MIDI onset until it, played alone, is within 20 dB of its loudest 10 ms."""
    apart = 3.0  # seconds between the notes of the solo rendering, long enough for releases to die away
    solo = [(i * apart + 0.1, i * apart + 0.1 + (n[1] - n[0]), n[2], n[3], "") for i, n in enumerate(notes)]
    samples = synthesise(midi_file(solo, instrument), soundfont, len(notes) * apart + 1)
    attacks = []
    for onset, offset, *_ in solo:
        part = samples[int(onset * RATE): int(offset * RATE)]
        window = RATE // 100
        power = np.convolve(part.astype(np.float64) ** 2, np.ones(window) / window)[: len(part)]
        attacks.append(float(np.argmax(power > power.max() / 100)) / RATE)
    return attacks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    parser.add_argument("--output", default="Tests/vectors/melodies", type=pathlib.Path)
    parser.add_argument("--seconds", default=9.0, type=float)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for instrument in INSTRUMENTS:
        notes = compose(instrument, arguments.seconds)
        samples = play(notes, instrument, arguments.soundfont, arguments.seconds)
        samples *= 0.25 / np.abs(samples).max()  # -12 dBFS: like a player's line in, and small as FLAC
        soundfile.write(arguments.output / f"{instrument.name}.flac", samples, RATE, subtype="PCM_16")
        attacks = measure_attacks(notes, instrument, arguments.soundfont)
        with open(arguments.output / f"{instrument.name}.tsv", "w", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerow(["onset", "offset", "midi", "attack"])
            for (onset, offset, midi, _, _), attack in zip(notes, attacks):
                table.writerow([f"{onset:.3f}", f"{offset:.3f}", midi, f"{attack:.3f}"])
        print(f"{instrument.name}: {len(notes)} notes, attack median {np.median(attacks) * 1e3:.0f} ms, "
              f"longest {np.max(attacks) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
