"""Our CREPE against torchcrepe's, on real sound: the same activations and pitches, and how much faster.

    python3 training/peers/parity.py [--model tiny|full] [--seconds 75] [--hop-full 320] [--bench PROGRAM] [--models FOLDER]

Sound: recordings of Debian's sonic-pi-samples (CC0), and phrases that fluidsynth plays with a General MIDI sound font
(fluid-soundfont-gm): strings, winds, voices, guitars, basses, with vibrato and bends. Both run on one thread, in turns. The exit
status is 1 if a bar is missed:

    activations within 1e-4; f0 within 1 cent on 99.9 % of the frames whose confidence is over 0.5;
    tiny 25 x real time and 5 x torchcrepe; full 1 x real time and 4 x torchcrepe (both at a hop of 10 ms)
"""

import argparse
import glob
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from math import gcd

os.environ.setdefault("OMP_NUM_THREADS", "1")

import mido  # noqa: E402
import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from scipy.signal import resample_poly  # noqa: E402

import crepe_reference  # noqa: E402

RATE = 16000
BARS = {"tiny": (25, 5), "full": (1, 4)}  # x real time, x torchcrepe


def read(path: str) -> np.ndarray:
    sound, rate = soundfile.read(path, always_2d=True)
    divisor = gcd(rate, RATE)
    return resample_poly(sound.mean(1), RATE // divisor, rate // divisor).astype(np.float32)


def recordings(seconds: float) -> np.ndarray:
    """At most 2.5 s of each pitched or spoken sample, and of some that are neither."""
    kinds = ("guit_*", "bass_*", "vinyl_*", "misc_*", "loop_garzul", "loop_amen", "ambi_*", "arovane_*", "tabla_*", "elec_*")
    parts, total = [], 0.0
    for kind in kinds:
        for path in sorted(glob.glob(f"/usr/share/sonic-pi/samples/{kind}.flac"))[:8]:
            part = read(path)[: int(2.5 * RATE)]
            parts += [part, np.zeros(RATE // 20, np.float32)]
            total += len(part) / RATE
            if total >= seconds:
                return np.concatenate(parts)
    if not parts:
        sys.exit("no sonic-pi-samples here (apt-get install sonic-pi-samples)")
    return np.concatenate(parts)


def phrases(seconds: float, folder: str) -> np.ndarray:
    """Melodies of about 4 s each by a number of instruments, seeded."""
    rng = np.random.default_rng(7)
    parts, total = [], 0.0
    # Program and lowest key: violin, cello, flute, clarinet, tenor saxophone, trumpet, voice, nylon guitar, bass, piano, whistle.
    for program, low in ((40, 57), (42, 38), (73, 62), (71, 52), (66, 46), (56, 55), (53, 50), (24, 42), (33, 30), (0, 48), (78, 72)):
        song = mido.MidiFile(ticks_per_beat=480)
        track = mido.MidiTrack()
        song.tracks.append(track)
        track.append(mido.Message("program_change", program=program))
        key = low + 5
        for _ in range(10):
            key = int(np.clip(key + rng.integers(-4, 5), low, low + 19))
            length = int(rng.choice([160, 240, 480, 720]))
            track.append(mido.Message("control_change", control=1, value=int(rng.choice([0, 0, 60]))))
            track.append(mido.Message("pitchwheel", pitch=int(rng.integers(-2500, 2500))))
            track.append(mido.Message("note_on", note=key, velocity=int(rng.integers(40, 120))))
            track.append(mido.Message("note_off", note=key, time=length))
        path = f"{folder}/{program}"
        song.save(path + ".mid")
        font = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
        subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.7", "-r", "48000", "-F", path + ".wav", font, path + ".mid"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        part = read(path + ".wav")[: 4 * RATE]
        parts.append(part)
        total += len(part) / RATE
        if total >= seconds:
            break
    return np.concatenate(parts)


def ours(bench: str, model: str, samples: np.ndarray, hop: int, folder: str):
    samples.astype("<f4").tofile(f"{folder}/in.f32")
    run = subprocess.run([bench, "activations", model, f"{folder}/in.f32", f"{folder}/out.f32", str(hop)],
                         check=True, stdout=subprocess.PIPE, text=True)
    activations = np.fromfile(f"{folder}/out.f32", "<f4").reshape(-1, 360)
    pitch = np.fromfile(f"{folder}/out.f32.pitch", "<f4").reshape(-1, 2)
    return activations, pitch[:, 0], pitch[:, 1], float(run.stdout.split()[-1])


def theirs(net, samples: np.ndarray, hop: int, batch: int):
    start = time.perf_counter()
    activations = crepe_reference.activations(net, samples, hop, batch)
    return activations, time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("XDG_DATA_HOME", str(pathlib.Path.home() / ".local/share"))
    parser.add_argument("--bench", default=".build/release/continuo-bench")
    parser.add_argument("--models", default=os.environ.get("CONTINUO_MODELS", data + "/continuo/models"))
    parser.add_argument("--model", action="append", choices=["tiny", "full"])
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--hop-full", type=int, default=320, help="torchcrepe's full network needs 40 ms a window")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        samples = np.concatenate([recordings(arguments.seconds / 2), phrases(arguments.seconds / 2, folder)])
        length = len(samples) / RATE
        if length < 60:
            sys.exit(f"only {length:.0f} s of sound: parity wants 60")
        print(f"sound: {length:.0f} s; torch {torch.__version__}, one thread each")
        for capacity in arguments.model or ["tiny", "full"]:
            model = f"{arguments.models}/crepe-{capacity}.safetensors"
            hop = 160 if capacity == "tiny" else arguments.hop_full
            net = crepe_reference.load(capacity)
            # The batch size that suits torch best.
            few = samples[RATE * 5: RATE * 5 + 1024 + hop * (255 if capacity == "tiny" else 31)]
            batch = min((16, 64, 256) if capacity == "tiny" else (8, 32),
                        key=lambda batch: min(theirs(net, few, hop, batch)[1] for _ in range(2)))
            # In turns, a part of the sound each, so that what else the machine does falls on both.
            parts, step = [], 10 * RATE // hop * hop
            for start in range(0, len(samples) - 1024, step):
                part = samples[start: start + step - hop + 1024]
                if len(part) < 1024:
                    continue
                a, f0, confidence, quick = ours(arguments.bench, model, part, hop, folder)
                b, slow = theirs(net, part, hop, batch)
                assert a.shape == b.shape
                parts.append((a, f0, confidence, b, quick, slow))
            a, f0, confidence, b = (np.concatenate([part[i] for part in parts]) for i in range(4))
            worst = float(np.abs(a - b).max())
            reference, sure = crepe_reference.decode(b)
            clear = sure > 0.5
            cents = 1200 * np.abs(np.log2(f0[clear] / reference[clear]))
            right = float((cents <= 1).mean())
            again = [crepe_reference.decode(x, again=True)[0] for x in (a, b)]
            alike = float((1200 * np.abs(np.log2(again[0][clear] / again[1][clear])) <= 1).mean())
            quick = [part[4] / len(part[0]) for part in parts]
            speed = 0.01 / statistics.median(quick)
            ratio = statistics.median([part[5] / part[4] for part in parts])
            bar, times = BARS[capacity]
            print(f"crepe-{capacity}: {len(a)} windows {hop / 16:g} ms apart, {clear.sum()} of confidence over 0.5")
            print(f"  activations: largest difference {worst:.2e} (bar 1e-4); confidence {np.abs(confidence - sure).max():.2e}")
            print(f"  f0: within 1 cent on {100 * right:.3f} % (bar 99.9), largest difference {cents.max():.4f} cents;"
                  f" by torchcrepe's own weighting {100 * alike:.3f} %")
            print(f"  speed at a hop of 10 ms: {speed:.1f} x real time (bar {bar}), torchcrepe"
                  f" {0.01 / statistics.median([part[5] / len(part[0]) for part in parts]):.2f} x (batches of {batch});"
                  f" {ratio:.1f} x torchcrepe, median of {len(parts)} pairs (bar {times})")
            missed += [f"crepe-{capacity}: {what}" for what, held in (
                ("activations", worst <= 1e-4), ("f0", right >= 0.999), ("speed", speed >= bar),
                ("speed against torchcrepe", ratio >= times)) if not held]
    for what in missed:
        print("MISSED:", what)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
