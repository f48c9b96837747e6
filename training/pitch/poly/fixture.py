"""Renders the polyphonic test pieces: a guitar and a piano of FluidR3 (MIT), 7 s each.

    python fixture.py [--output ../../../Tests/vectors/polyphonic]

Writes NAME.flac (mono, 22.05 kHz, 16 bit) and NAME.tsv: onset and offset in seconds, MIDI key. The notes are of seeds that no
training clip has.
"""

import argparse
import pathlib
import sys

import numpy as np
import scipy.signal
import soundfile

HERE = pathlib.Path(__file__).parent
sys.path += [str(HERE.parent.parent / "bass")]

import fluid  # noqa: E402

import compose  # noqa: E402

RATE = 44100
SECONDS = 7


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "../../../Tests/vectors/polyphonic")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    player = fluid.Player(RATE, 16, fonts=("fluid",))
    for name, program, low, high, melody, seed in (("guitar", 25, 40, 76, 69, 4), ("piano", 0, 36, 84, 72, 5)):
        rng = np.random.default_rng([seed, 7])
        piece = compose.Piece(rng, SECONDS, low, high)
        piece.beat, piece.loose, piece.loudness = 0.55, 0.008, 80
        compose.accompany(piece, 52, style="broken" if name == "guitar" else "block")
        compose.sing(piece, melody)
        notes = piece.finished()
        block = fluid.BLOCK / RATE
        events = []
        for onset, offset, key, velocity in notes:
            events.append((round(onset / block), 0, "on", int(key), int(velocity)))
            events.append((max(round(offset / block), round(onset / block) + 1), 0, "off", int(key), 0))
        audio = player.play([("fluid", 0, program)], events, round(SECONDS / block))[0].astype(np.float64)
        audio = scipy.signal.resample_poly(audio, 1, 2)
        soundfile.write(folder / f"{name}.flac", audio * 0.6 / np.abs(audio).max(), RATE // 2, subtype="PCM_16")
        rows = [f"{onset:.4f}\t{offset:.4f}\t{int(key)}" for onset, offset, key, _ in notes]
        (folder / f"{name}.tsv").write_text("onset\toffset\tmidi\n" + "\n".join(rows) + "\n")
        print(name, len(rows), "notes")


if __name__ == "__main__":
    main()
