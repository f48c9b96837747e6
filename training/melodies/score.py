"""Scores transcriptions of the melodies with mir_eval.

    python training/melodies/score.py FOLDER [--melodies Tests/vectors/melodies] [--shift SECONDS]

FOLDER holds NAME.mid for each NAME.tsv of the melodies, as `continuo track NAME.flac --midi NAME.mid` writes them. Prints
precision, recall and F1 (onset within 50 ms, pitch within 50 cents, offset ignored) for each and over all notes, and the
median onset error. `--shift` is added to the estimated onsets (a known delay, negative).
"""

import argparse
import csv
import pathlib

import mir_eval
import mido
import numpy as np


def notes_of(path):
    """[onset, offset, midi] of a MIDI file's notes, on any channel."""
    sounding, notes, now = {}, [], 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note] = now
        elif message.type in ("note_on", "note_off") and (message.channel, message.note) in sounding:
            onset = sounding.pop((message.channel, message.note))
            notes.append([onset, max(now, onset + 0.001), float(message.note)])
    return np.array(sorted(notes)).reshape(-1, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--melodies", type=pathlib.Path, default=pathlib.Path("Tests/vectors/melodies"))
    parser.add_argument("--shift", type=float, default=0.0)
    arguments = parser.parse_args()
    totals = np.zeros(3)
    print(f"{'melody':18} {'notes':>5} {'found':>5} {'precision':>9} {'recall':>7} {'F1':>6} {'onset error':>12}")
    for path in sorted(arguments.melodies.glob("*.tsv")):
        with open(path) as file:
            truth = np.array([[float(r["onset"]), float(r["offset"]), float(r["midi"])]
                              for r in csv.DictReader(file, delimiter="\t")])
        found = notes_of(arguments.folder / f"{path.stem}.mid")
        found[:, :2] = np.maximum(found[:, :2] + arguments.shift, 0)
        matching = mir_eval.transcription.match_notes(
            truth[:, :2], mir_eval.util.midi_to_hz(truth[:, 2]), found[:, :2], mir_eval.util.midi_to_hz(found[:, 2]),
            offset_ratio=None) if len(found) else []
        precision, recall = len(matching) / max(len(found), 1), len(matching) / len(truth)
        f1 = 2 * len(matching) / (len(found) + len(truth))
        late = np.median([found[e, 0] - truth[r, 0] for r, e in matching]) * 1e3 if matching else float("nan")
        totals += [len(truth), len(found), len(matching)]
        print(f"{path.stem:18} {len(truth):5} {len(found):5} {precision:9.3f} {recall:7.3f} {f1:6.3f} {late:9.1f} ms")
    precision, recall = totals[2] / max(totals[1], 1), totals[2] / totals[0]
    print(f"{'all':18} {totals[0]:5.0f} {totals[1]:5.0f} {precision:9.3f} {recall:7.3f} "
          f"{2 * totals[2] / (totals[0] + totals[1]):6.3f}")


if __name__ == "__main__":
    main()
