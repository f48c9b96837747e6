"""Scores note transcription on the held-out pieces: ours in Swift, a checkpoint in Python, basic-pitch.

    python evaluate.py work/heldout SYSTEM… [--program PATH]

A SYSTEM is `continuo` (the program's `track --poly`), `continuo:MODEL.safetensors`, `checkpoint:RUN/last.pt`, or
`basic-pitch` (PyPI's 0.4.0 by ONNX Runtime, with its own settings). Prints F1 of notes (onset ± 50 ms, key right), with
offsets too, precision, recall, over all, pianos and guitars, with 95 % bootstrap intervals over pieces; and the speed: sound
a second of processor time, with one thread, reading the file and all. What a system found is kept in work/found/SYSTEM, except for checkpoints.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import scipy.signal  # noqa: E402
import soundfile  # noqa: E402

import metric  # noqa: E402

HERE = pathlib.Path(__file__).parent


def continuo(model, program):
    def run(path):
        command = [program, "track", str(path), "--model", model, "--json", "--quiet"]
        began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)[0]
        took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
        return [(n["start"], n["end"], n["key"], n["velocity"]) for n in found["notes"]], took
    return run


def checkpoint(path):
    import decoding
    import export
    import frontend
    import torch
    import train
    torch.set_num_threads(1)
    model = export.load(path)

    def run(path):
        audio, rate = soundfile.read(path)
        audio = scipy.signal.resample_poly(audio, 160, round(rate / 100))
        began = time.process_time()
        onset, note, level, _ = train.estimate(model, frontend.spectra(audio))
        return decoding.decode(onset, note, level), time.process_time() - began
    return run


def basic_pitch():
    import onnxruntime
    # One thread, for the speed's sake.
    make = onnxruntime.InferenceSession

    def session(path, **more):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return make(path, sess_options=options, **more)
    onnxruntime.InferenceSession = session
    import basic_pitch.inference as peer
    peer.ort.InferenceSession = session
    model = peer.Model(pathlib.Path(peer.__file__).parent / "saved_models/icassp_2022/nmp.onnx")

    def run(path):
        began = time.process_time()
        with open(os.devnull, "w") as nothing:
            out, sys.stdout = sys.stdout, nothing
            try:
                _, _, events = peer.predict(path, model)
            finally:
                sys.stdout = out
        return [(float(a), float(b), int(k), int(127 * v)) for a, b, k, v, _ in events], time.process_time() - began
    return run


def interval(rows, key, count=1000):
    rng = np.random.default_rng(0)
    draws = [metric.total([rows[i] for i in rng.integers(0, len(rows), len(rows))])[key] for _ in range(count)]
    return np.quantile(draws, [0.025, 0.975])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pieces", type=pathlib.Path)
    parser.add_argument("systems", nargs="+")
    parser.add_argument("--program", default=str(HERE / "../../../build/bin/continuo"))
    parser.add_argument("--only", type=int, help="so many pieces, spread over all")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    arguments = parser.parse_args()
    paths = sorted(arguments.pieces.glob("*.wav"))
    if arguments.only:
        paths = paths[:: max(1, len(paths) // arguments.only)]
    figures = {}
    for system in arguments.systems:
        kind, _, model = system.partition(":")
        run = (continuo(model or "poly", arguments.program) if kind == "continuo" else
               checkpoint(model) if kind == "checkpoint" else basic_pitch())
        rows, seconds, length = {}, 0.0, 0.0
        for path in paths:
            kept = HERE / "work/found" / system.replace("/", "_") / f"{path.stem}.json"
            if kind == "basic-pitch" and kept.exists():
                notes, took = json.loads(kept.read_text())
            else:
                notes, took = run(path)
                if kind != "checkpoint":
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(json.dumps([notes, took]))
            rows[path.stem] = metric.scores(json.loads(path.with_suffix(".json").read_text()), notes)
            seconds += took
            length += soundfile.info(path).duration
        print(f"{system}: {length / seconds:.0f} × real time")
        figures[system] = dict(speed=length / seconds)
        for group in ("all", "piano", "guitar"):
            chosen = [r for name, r in rows.items() if group in ("all", name.split("-")[1])]
            if not chosen:
                continue
            total = metric.total(chosen)
            low, high = interval(chosen, "f1")
            figures[system][group] = {**total, "interval": [low, high], "pieces": len(chosen)}
            print(f"  {group:7s} {len(chosen):3d} pieces  F1 {total['f1']:.3f} [{low:.3f}, {high:.3f}]  precision "
                  f"{total['precision']:.3f}  recall {total['recall']:.3f}  with offsets {total['f1_offsets']:.3f}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
