"""The bass generator's network beside the same network in PyTorch and ONNX Runtime: one evaluation of a window of 256 frames, on one
thread, in turns.

    python3 training/peers/bass_speed.py AUTOENCODER.safetensors GENERATOR.safetensors [--bench PROGRAM] [--rounds 5]

Needs onnx, onnxscript and onnxruntime beside PyTorch. The exit status is 1 if ours is slower than either.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training/bass"), str(ROOT / "training/synth")]
import export  # noqa: E402

FRAMES = 256


class Explicit(torch.nn.Module):
    """The evaluation of one window with plain arguments."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, z, t, d, w, listened):
        return self.model(z, t, d, w, listened)


def best(work, count=12):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("autoencoder", type=pathlib.Path)
    parser.add_argument("generator", type=pathlib.Path)
    parser.add_argument("--bench", default=str(ROOT / ".build/release/continuo-bench"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = Explicit(export.read(arguments.generator)).eval()
    width = model.model.sizes["width"]
    inputs = (torch.randn(1, FRAMES, 24), torch.full((1,), 0.5), torch.zeros(1), torch.ones(1), torch.randn(1, FRAMES, width))
    names = ["z", "t", "d", "w", "listened"]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = pathlib.Path(folder) / "generator.onnx"
        torch.onnx.export(model, inputs, str(path), input_names=names, output_names=["velocity"], dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feed = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs)}
        found, expected = session.run(None, feed)[0], model(*inputs).numpy()
        print(f"ONNX Runtime agrees with PyTorch within {np.abs(found - expected).max():.1e}")
        times = dict(ours=[], torch=[], onnx=[])
        for _ in range(arguments.rounds):
            text = subprocess.run([arguments.bench, "bass", arguments.autoencoder, arguments.generator, "0"],
                                  check=True, capture_output=True, text=True).stdout
            # The last instruction set it prints is the best one here.
            times["ours"].append(int(re.findall(rf"one evaluation: (\d+) µs for {FRAMES}", text)[-1]) / 1e6)
            times["torch"].append(best(lambda: model(*inputs)))
            times["onnx"].append(best(lambda: session.run(None, feed)))
    least = {k: min(v) for k, v in times.items()}
    for name, value in least.items():
        print(f"{name}: {value * 1e3:.2f} ms, {FRAMES * 0.048 / value:.0f} x real time; "
              f"{value / least['ours']:.2f} times ours")
    sys.exit(least["ours"] > min(least["torch"], least["onnx"]))


if __name__ == "__main__":
    main()
