"""Writes reference values of the note metric, computed by mir_eval, for implementations of it elsewhere.

    python training/melodies/golden_metric.py [OUTPUT.json]

The metric is mir_eval.transcription's precision, recall and F-measure with onset within 50 ms, pitch within 50 cents and
offsets ignored: a maximum matching between reference and estimated notes. Each case holds `reference` and `estimate`
(lists of [onset s, offset s, MIDI pitch with fraction]) and the expected `precision`, `recall`, `f1`, and `matched`.
"""

import json
import sys

import mir_eval
import numpy as np


def score(reference, estimate):
    def split(notes):
        array = np.array(notes, dtype=float).reshape(-1, 3)
        return array[:, :2], mir_eval.util.midi_to_hz(array[:, 2])

    precision, recall, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        *split(reference), *split(estimate), onset_tolerance=0.05, pitch_tolerance=50.0, offset_ratio=None)
    matched = 0
    if reference and estimate:
        matched = len(mir_eval.transcription.match_notes(
            *split(reference), *split(estimate), onset_tolerance=0.05, pitch_tolerance=50.0, offset_ratio=None))
    return precision, recall, f1, matched


def random_case(rng, count, jitter, detune, missed, spurious):
    reference, time = [], 0.1
    for _ in range(count):
        length = rng.uniform(0.04, 0.5)
        reference.append([time, time + length, float(rng.integers(40, 80))])
        time += length * rng.uniform(0.3, 1.3)
    estimate = [[max(0, on + rng.normal(0, jitter)), off + 0.05, p + rng.normal(0, detune)]
                for on, off, p in reference if rng.random() > missed]
    for _ in range(spurious):
        on = rng.uniform(0, time)
        estimate.append([on, on + 0.1, float(rng.uniform(40, 80))])
    rng.shuffle(estimate)

    def rounded(notes):
        return [[round(float(v), 6) for v in n] for n in notes]

    return rounded(reference), rounded(estimate)


def main():
    rng = np.random.default_rng(2026)
    line = [[0.5, 0.9, 60.0], [1.0, 1.4, 62.0], [1.5, 1.9, 64.0], [2.0, 2.4, 64.0]]
    cases = {
        "identical": (line, line),
        "no estimate": (line, []),
        "no reference": ([], line),
        "onset 49 ms late": (line, [[a + 0.049, b, p] for a, b, p in line]),
        "onset 51 ms late": (line, [[a + 0.051, b, p] for a, b, p in line]),
        "onset 49 ms early, one 51": (line, [[a - 0.049 - (i == 2) * 0.002, b, p] for i, (a, b, p) in enumerate(line)]),
        "pitch 49 cents sharp": (line, [[a, b, p + 0.49] for a, b, p in line]),
        "pitch 51 cents flat": (line, [[a, b, p - 0.51] for a, b, p in line]),
        "octave errors in half": (line, [[a, b, p + 12 * (i % 2)] for i, (a, b, p) in enumerate(line)]),
        "each note twice": (line, [n for n in line for _ in range(2)]),
        "wrong offsets": (line, [[a, a + 0.03, p] for a, b, p in line]),
        # Taking the nearest first would match the second estimate with the first reference and lose a pair.
        "matching must be maximum": (
            [[1.00, 1.05, 60.0], [1.04, 1.10, 60.0]], [[0.96, 1.0, 60.0], [1.01, 1.1, 60.0]]),
        "chain of repeated notes": (
            [[1 + 0.06 * i, 1.05 + 0.06 * i, 57.0] for i in range(8)],
            [[1.045 + 0.06 * i, 1.09 + 0.06 * i, 57.2] for i in range(8)]),
        "random, good tracker": random_case(rng, 60, 0.012, 0.08, 0.03, 2),
        "random, middling tracker": random_case(rng, 60, 0.03, 0.3, 0.15, 10),
        "random, poor tracker": random_case(rng, 60, 0.06, 0.6, 0.4, 40),
        "random, dense repeats": random_case(rng, 200, 0.04, 0.25, 0.1, 60),
    }
    out = []
    for name, (reference, estimate) in cases.items():
        precision, recall, f1, matched = score(reference, estimate)
        out.append(dict(name=name, precision=precision, recall=recall, f1=f1, matched=matched,
                        reference=reference, estimate=estimate))
        print(f"{name:28} {precision:.4f} {recall:.4f} {f1:.4f} {matched}")
    path = sys.argv[1] if len(sys.argv) > 1 else "Tests/vectors/melodies/metric.json"
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]\n")


if __name__ == "__main__":
    main()
