"""The notes that the plugin sends live: their delay, onset F1 on rendered melodies, and how many on recordings have no ground.

    python notes.py [--models standard quick] [--recordings FILE…] [--plots FOLDER] [--tuning SOUNDFONT --draws 2]

The plugin runs in `continuo render` with blocks of 64 frames: its MIDI comes when it would on a stage. *Delay*: from the key's stroke
in the score to the MIDI note-on, over the notes that are found. *F1* (mir_eval; onset within 50 ms, pitch within 50 cents): of the
MIDI with the median delay taken off, which is what a listener's ear does, and with nothing taken off. Melodies: Tests/vectors/melodies
(FluidR3, the soundfont of the training, other lines), and the twelve held-out instruments of heldout.py, plainly rendered. --tuning
renders other melodies, of another soundfont (MuseScore General, say), for finding the note tracker's settings.

A note on a recording counts as spurious if neither swift-f0 nor CREPE full hears its pitch (within a semitone, confidence of one half)
in a third of its time. --plots draws each recording with its notes, to be judged by eye: that is the last word.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile

here = pathlib.Path(__file__).resolve().parent
root = here.parents[1]
sys.path.insert(0, str(here))
NUMBERS = {"standard": 3, "quick": 4, "poly": 5, "crepe-tiny": 1}


def midi_notes(path):
    """[(onset, end, key)] of a MIDI file, seconds."""
    text = subprocess.run([sys.executable, str(root / "Tests/hosts/notes.py"), path], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in text.splitlines()]
    return [(float(a), float(a) + 0.1 if b == "None" else float(b), int(k)) for a, b, k, _ in rows]


def live(program, recording, model, folder):
    """What the plugin sends, and the delay that it reports (s)."""
    subprocess.run([program, "render", "urn:continuo:pitch", "--control", f"model={NUMBERS[model]}", "--block", "64",
                    "--input", str(recording), "--output", f"{folder}/out.wav", "--record-midi", f"{folder}/sent.mid"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return midi_notes(f"{folder}/sent.mid")


def score(reference, notes, late):
    import mir_eval

    def arrays(rows, shift):
        onsets = np.array([r[0] for r in rows]) - shift
        return np.stack([onsets, onsets + 0.1], 1), 440 * 2 ** ((np.array([r[2] for r in rows]) - 69) / 12)

    if not notes:
        return 0.0, 0.0, 0.0
    a, b = arrays(reference, 0.0), arrays(notes, late)
    p, r, f, _ = mir_eval.transcription.precision_recall_f1_overlap(*a, *b, onset_tolerance=0.05, offset_ratio=None)
    return p, r, f


def delays(reference, notes):
    """Of each note that is found within 200 ms: how late it came, s."""
    found = []
    for onset, _, key in reference:
        later = [n[0] - onset for n in notes if n[2] == key and -0.01 <= n[0] - onset < 0.2]
        if later:
            found.append(min(later))
    return found


def melodies(folder, soundfont=None, draws=1):
    """(group, name, recording, [(onset, offset, key)]): the repository's melodies, then those of the held-out soundfont, rendered into
    `folder`; or `draws` melodies of each instrument of another soundfont alone, other lines, for tuning."""
    import heldout

    if soundfont is None:
        for path in sorted((root / "Tests/vectors/melodies").glob("*.flac")):
            yield "repository", path.stem, path, np.loadtxt(path.with_suffix(".tsv"), skiprows=1)[:, :3]
    heldout.render.SOUNDFONT = soundfont or heldout.SOUNDFONT
    for draw in range(draws):
        for index, (name, program) in enumerate(heldout.INSTRUMENTS.items()):
            rng = np.random.default_rng([index, 9300 + draw + (1 if soundfont else 0)])
            low, high = heldout.render.PROGRAMS[program]
            notes, time = [], 0.3
            key = int(rng.integers(low + 3, min(high, 93) - 3))
            while time < heldout.render.SECONDS - 1:
                length = float(np.exp(rng.uniform(np.log(0.15), np.log(0.8))))
                notes.append((time, time + length * rng.uniform(0.7, 1.0), key, int(rng.integers(60, 115))))
                time += length + (rng.uniform(0.1, 0.4) if rng.random() < 0.15 else 0)
                step = int(rng.choice([0, 1, 2, 2, 3, 4, 5, 7])) * int(rng.choice([-1, 1]))
                key = key + step if low <= key + step <= min(high, 93) else key - step
            audio = heldout.render.play(notes, np.zeros(len(heldout.render.grid_times())), program)
            path = pathlib.Path(folder) / f"{name}-{draw}.wav"
            soundfile.write(path, 0.35 * audio / np.abs(audio).max(), heldout.RATE, subtype="PCM_16")
            yield "tuning" if soundfont else "held-out soundfont", name, path, np.array([n[:3] for n in notes])


def grounds(recording):
    """[(times, f0, confidence)] of two trackers that know nothing of ours."""
    import scipy.signal
    import trackers

    audio, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    divisor = np.gcd(rate, trackers.RATE)
    audio = scipy.signal.resample_poly(audio.mean(axis=1), trackers.RATE // divisor, rate // divisor).astype(np.float32)
    return [trackers.find(name)[0]()(audio) for name in ("swift-f0", "continuo-crepe-full")]


def is_grounded(note, others, late):
    onset, end, key = note[0] - late, note[1] - late, note[2]
    for times, f0, confidence in others:
        inside = (times >= onset - 0.02) & (times <= max(end, onset + 0.06))
        near = np.abs(12 * np.log2(np.maximum(f0, 1) / 440) + 69 - key) < 1
        if inside.any() and np.mean((near & (confidence >= 0.5))[inside]) >= 1 / 3:
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["standard", "quick"], choices=NUMBERS)
    parser.add_argument("--recordings", nargs="*")
    parser.add_argument("--plots", type=pathlib.Path)
    parser.add_argument("--tuning", metavar="SOUNDFONT", help="other melodies of this soundfont instead, and no recordings")
    parser.add_argument("--draws", type=int, default=1, help="melodies of each instrument, with --tuning")
    parser.add_argument("--program", default=os.environ.get("CONTINUO", str(root / "build/bin/continuo")))
    arguments = parser.parse_args()
    os.environ.setdefault("CONTINUO", arguments.program)
    os.environ.setdefault("LV2_PATH", f"{root}/build/lv2")
    recordings = [] if arguments.tuning else arguments.recordings
    if recordings is None:
        samples = "/usr/share/sonic-pi/samples"
        recordings = [root / "demo/recording.flac"] + [f"{samples}/{n}.flac" for n in (
            "guit_e_slide", "guit_harmonics", "bass_woodsy_c", "bass_voxy_c", "ambi_glass_rub", "bass_trance_c")]
        recordings += sorted((here / "work/sources").glob("vocadito_*.wav"))
        recordings = [r for r in recordings if os.path.exists(r)]
    with tempfile.TemporaryDirectory() as folder:
        late = {}
        pieces = list(melodies(folder, arguments.tuning, arguments.draws))
        for model in arguments.models:
            rows = []
            for group, name, path, truth in pieces:
                reference = [(a, b, int(k)) for a, b, k in truth]
                notes = live(arguments.program, path, model, folder)
                rows.append((group, name, reference, notes))
            every = [d for _, _, reference, notes in rows for d in delays(reference, notes)]
            late[model] = float(np.median(every))
            print(f"{model}: from stroke to MIDI median {1e3 * late[model]:.0f} ms, "
                  f"{1e3 * np.percentile(every, 5):.0f} to {1e3 * np.percentile(every, 95):.0f} ms for 90 % of {len(every)} notes")
            for group in dict.fromkeys(r[0] for r in rows):
                mine = [r for r in rows if r[0] == group]
                taken = [score(r[2], r[3], late[model]) for r in mine]
                raw = [score(r[2], r[3], 0.0)[2] for r in mine]
                worst = min(range(len(mine)), key=lambda i: taken[i][2])
                print(f"  {group} ({len(mine)} melodies, {sum(len(r[2]) for r in mine)} notes): onset F1 "
                      f"{np.mean([t[2] for t in taken]):.3f} (precision {np.mean([t[0] for t in taken]):.3f}, recall "
                      f"{np.mean([t[1] for t in taken]):.3f}; lowest {mine[worst][1]} {taken[worst][2]:.3f}); "
                      f"nothing taken off {np.mean(raw):.3f}", flush=True)
        totals = {model: [0, 0] for model in arguments.models}
        for recording in recordings:
            others = grounds(recording)
            for model in arguments.models:
                notes = live(arguments.program, recording, model, folder)
                wrong = [n for n in notes if not is_grounded(n, others, late[model])]
                totals[model][0] += len(wrong)
                totals[model][1] += len(notes)
                places = ", ".join(f"{n[0] - late[model]:.2f} s key {n[2]}" for n in wrong[:6])
                print(f"{pathlib.Path(recording).stem}, {model}: {len(wrong)} of {len(notes)} without ground {places}", flush=True)
                if arguments.plots:
                    arguments.plots.mkdir(parents=True, exist_ok=True)
                    subprocess.run([arguments.program, "track", str(recording), "--model", model, "--quiet", "--plot",
                                    str(arguments.plots / f"{pathlib.Path(recording).stem}-{model}.png")], check=True)
        for model, (wrong, count) in totals.items() if recordings else ():
            print(f"{model}: {wrong} of {count} notes on recordings without ground ({100 * wrong / max(1, count):.1f} %)")


if __name__ == "__main__":
    main()
