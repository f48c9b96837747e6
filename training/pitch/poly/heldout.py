"""Makes the held-out pieces: composed music and accompaniments, played by TimGM6mb's pianos and guitars.

    python heldout.py --output work/heldout

Nothing of it is heard in training: neither the soundfont nor the notes. Piano: 40 s of pieces of music21's corpus (rags,
sonatas, polonaises, chorales, quartets on the piano). Guitar: chorales and quartets on nylon, steel, jazz and clean
guitars, and the guitar tracks of MMA's grooves over random charts. Writes NAME.wav (44.1 kHz) and NAME.json (notes:
onset, end, key, velocity). Every second piece stands in a room, every third has noise 40 dB down.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import scipy.signal
import soundfile

HERE = pathlib.Path(__file__).parent
sys.path += [str(HERE.parent.parent / "bass")]

import fluid  # noqa: E402
import mma  # noqa: E402

import data  # noqa: E402

RATE = 44100
SECONDS = 40
CORPUS = {
    "piano": ("joplin/maple_leaf_rag", "mozart/k545/movement1_exposition", "chopin/mazurka06-2",
              "schumann_clara/polonaise_op1n1", "schumann_clara/polonaise_op1n2", "schumann_clara/polonaise_op1n3",
              "schumann_clara/polonaise_op1n4", "schubert/Lindenbaum", "bach/bwv253", "bach/bwv26.6", "bach/bwv66.6",
              "bach/bwv846", "beethoven/opus18no1/movement1", "haydn/opus74no1/movement3", "mozart/k458/movement1",
              "schumann_robert/opus41no1/movement1"),
    "guitar": ("bach/bwv269", "bach/bwv277", "bach/bwv281", "bach/bwv40.3", "mozart/k155/movement2", "mozart/k80/movement1",
               "haydn/opus1no1/movement2", "corelli/opus3no1/1grave", "handel/rinaldo/Lascia_chio_pianga"),
}
GROOVES = ("stdlib/folk:Folk", "stdlib/folkballad:FolkBallad", "stdlib/bluegrass:Bluegrass", "stdlib/bossanova:BossaNova",
           "stdlib/guitarballad:GuitarBallad", "stdlib/folkrock:FolkRock", "stdlib/cubanguitar:CubanGuitar",
           "stdlib/gypsyjazz:GypsyJazz", "stdlib/jazzguitar:JazzGuitar", "stdlib/slowcountry:SlowCountry",
           "stdlib/hillcountry:HillCountry", "stdlib/countryblues:CountryBlues", "stdlib/bluefolk:BlueFolk",
           "stdlib/softrock:SoftRock", "stdlib/desert:Desert", "stdlib/lullaby:Lullaby")
CHORDS = ("C", "Am", "Dm7", "G7", "Em", "F", "D", "A7", "Bm", "E7", "Gm", "Bb", "CM7", "F#m7b5")


def human(rng, notes, keys):
    """Unsteady in time and strength, folded into the instrument's keys, each key's notes after one another."""
    notes = [(max(0.05, a + rng.normal() * 0.008), b, k, v if v else int(np.clip(72 + rng.normal() * 14, 30, 120)))
             for a, b, k, v in notes]
    last, out = {}, []
    for a, b, k, v in sorted(notes):
        while k < keys[0]:
            k += 12
        while k > keys[1]:
            k -= 12
        if k in last:
            before = out[last[k]]
            if a - before[0] < 0.06:
                continue
            out[last[k]] = (*before[:1], min(before[1], a - 0.012), *before[2:])
        last[k] = len(out)
        out.append((a, max(b, a + 0.06), k, v))
    return [n for n in out if n[0] < SECONDS - 1]


def score(name, tempo):
    """(onset, end, key, None) of the first minute of a piece of the corpus."""
    from music21 import corpus
    beat, notes = 60 / tempo, []
    for element in corpus.parse(name).flatten().notes:
        start = 0.3 + float(element.offset) * beat
        if start < SECONDS and element.duration.quarterLength > 0:
            for pitch in element.pitches:
                notes.append((start, start + float(element.duration.quarterLength) * beat * 0.97, int(pitch.midi), None))
    return notes


def accompaniment(rng, groove):
    """What the guitars of a groove play over random chords, or [] if it has none."""
    tempo = int(rng.integers(80, 150))
    chart = f"Tempo {tempo}\nGroove {groove}\n" + "".join(f"{i} {rng.choice(CHORDS)}\n" for i in range(1, 25))
    try:
        tracks, _ = mma.play(chart)
    except ValueError:
        return []
    tick = 60 / tempo / mma.TICKS
    guitars = [t for t in tracks if not t.drums and 24 <= t.program <= 28]
    return [(0.3 + a * tick, 0.3 + b * tick, k, v) for t in guitars for a, b, k, v in t.notes]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    player = fluid.Player(RATE, 16, fonts=("timgm",), gain=0.5)
    measured, pieces = {}, []
    for instrument, names in CORPUS.items():
        pieces += [(instrument, n) for n in names]
    pieces += [("guitar", n) for n in GROOVES]
    count = 0
    for index, (instrument, name) in enumerate(pieces):
        rng = np.random.default_rng([index, 99])
        keys = (28, 99) if instrument == "piano" else (40, 86)
        program = int(rng.choice((0, 0, 1, 3) if instrument == "piano" else (24, 25, 26, 27)))
        if ":" in name:
            notes = accompaniment(rng, name)
        else:
            try:
                notes = score(name, float(rng.uniform(70, 130)))
            except Exception as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
        notes = human(rng, notes, keys)
        if len(notes) < 40:
            print(f"{name}: {len(notes)} notes only, left out")
            continue
        if program not in measured:
            measured[program] = data.measure(fluid_player(), "timgm", program, *keys)
        block = fluid.BLOCK / RATE
        events = []
        for a, b, key, velocity in notes:
            events.append((round(a / block), 0, "on", key, velocity))
            events.append((max(round(b / block), round(a / block) + 1), 0, "off", key, 0))
        audio = player.play([("timgm", 0, program)], events, round(SECONDS / block))[0].astype(np.float64)
        if index % 2:
            n = int(rng.uniform(0.3, 0.9) * RATE)
            response = rng.normal(size=n) * 10 ** (-3 * np.arange(n) / n)
            response[: int(0.008 * RATE)] = 0
            response *= 10 ** (-rng.uniform(8, 18) / 20) / np.sqrt((response**2).sum())
            response[0] = 1
            audio = scipy.signal.fftconvolve(audio, response)[: len(audio)]
        if index % 3 == 0:
            noise = np.cumsum(rng.normal(size=len(audio)))
            noise = scipy.signal.sosfilt(scipy.signal.butter(1, 60, "highpass", fs=RATE, output="sos"), noise)
            audio = audio + noise / np.sqrt((noise**2).mean()) * np.sqrt((audio**2).mean()) * 0.01
        audio *= 0.7 / np.abs(audio).max()
        stem = f"{count:02d}-{instrument}-{program}-" + name.replace("/", "-").replace(":", "-")
        soundfile.write(folder / f"{stem}.wav", audio, RATE, subtype="PCM_16")
        rows = [(a, min(b, a + data.of_key(measured[program], k)[0]), k, v) for a, b, k, v in notes]
        (folder / f"{stem}.json").write_text(json.dumps(rows))
        print(stem, len(rows), "notes")
        count += 1


def fluid_player(made=[]):
    """The player that measures single notes, at the rate that data.measure expects."""
    if not made:
        made.append(fluid.Player(2 * data.RATE, 16, fonts=("timgm",)))
    return made[0]


if __name__ == "__main__":
    main()
