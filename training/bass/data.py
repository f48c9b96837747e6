"""Makes the songs: mixes by stems, several bass lines to each by several sounds, and all that is known of them.

    python data.py --output work/songs --grooves work/grooves.json [--kind train] [--first 0 --last 3000] [--worker 0 --workers 2]

A song is made from its kind and number alone, so that making them resumes where it was interrupted. Kinds:

    train    grooves' files, charts' phrases, soundfonts and basses that are learned from
    test     other grooves and other charts by the same soundfonts and basses; four lines a song instead of two
    font     like test, everything by a soundfont that no training uses
    timbre   like test, by basses that no training uses

KIND-00000.npy, uint8 [streams, frames, 440] (`unpack`): filter banks of the frames of 48 ms (frontend.py; T with 12 more
bands above, so that it can be shifted), streams in the order of the groups of the mix (`stems`: drums, then up to three
groups of other instruments) and the bass renders (line 0 by sound 0, line 0 by sound 1, line 1 by sound 0, …).
KIND-00000.npz:

    notes        float32 [N, 9]   line, then as in sounds.py: onset, offset (s), key, velocity, kind of bend, its parameters
    pitch        float32 [lines, 6 frames]  MIDI of the latest note at 8 i + 4 ms, 0 before the first
    loudness     float16 [renders, 6 frames]  dB there, as Continuo Synth measures it
    beats        float32 [B + 1]  times of the felt beats (dotted in compound metres) and of the end
    bar          int16 [B]        the bar of each beat
    roots, tones int16 [B]        pitch class of the chord's root, and its tones as a mask of 12 bits
    kicks        float32 [...]    times of bass drum notes
    info         JSON: groove, style, tempo, beats a bar, names of stems and sounds
Kinds other than train also keep the sound: KIND-00000.flac (24 kHz, two channels: the mix without bass, line 0 by sound 0).
"""

import argparse
import json
import pathlib
import re
import time
import zlib

import numpy as np
import scipy.signal
import soundfile

import charts
import fluid
import frontend
import mma
import sounds

RATE, FRAME = frontend.RATE, frontend.FRAME
BANDS = frontend.TONAL_BANDS + 12
GROUPS = 3  # of instruments beside the drums
CHANNELS = 16
TEMPI = dict(rock=115, pop=98, dance=122, funk=102, jazz=132, latin=112, country=122, blues=102, reggae=92, waltz=132, other=108)
PROGRAMS = [p for p in range(32, 40) if p not in sounds.HELD_OUT_PROGRAMS]
LEVEL = -20.0  # dB: a bass's louder frames (90th percentile)
STEM_LEVEL = -26.0  # dB RMS of a stem's louder half
GRID = fluid.BLOCK / RATE


def quantise(db):
    return np.round((db - frontend.FLOOR) * (255 / (frontend.CEILING - frontend.FLOOR))).astype(np.uint8)


def unpack(values):
    """dB (float32) of stored values [..., 440]: T [..., 2, 156] and R [..., 4, 32]."""
    db = values * np.float32((frontend.CEILING - frontend.FLOOR) / 255) + np.float32(frontend.FLOOR)
    return db[..., : 2 * BANDS].reshape(*values.shape[:-1], 2, BANDS), db[..., 2 * BANDS:].reshape(*values.shape[:-1], 4, -1)


def held_out(file):
    """Whether a file of MMA's library is left to the test songs."""
    return zlib.crc32(file.encode()) % 7 == 0


class Grooves:
    def __init__(self, table, testing):
        self.all = [g | {"style": charts.style_of(g)} for g in table
                    if held_out(g["file"]) == testing and g["beats"] in (3, 4, 5, 6) and 0.5 <= g["notes"] <= 24
                    and (g["drums"] or g["others"])]
        self.files = {}
        for groove in self.all:
            self.files.setdefault(groove["file"], []).append(groove)

    def draw(self, rng):
        files = sorted(self.files)
        weights = np.array([len(self.files[f]) ** 0.4 for f in files])
        return self.pick(rng, self.files[files[int(rng.choice(len(files), p=weights / weights.sum()))]])

    def like(self, rng, groove):
        """Another groove that fits the same song."""
        near = [g for g in self.files[groove["file"]] if g["beats"] == groove["beats"] and g["name"] != groove["name"]]
        if near and rng.random() < 0.6:
            return self.pick(rng, near)
        style = [g for g in self.all if g["style"] == groove["style"] and g["beats"] == groove["beats"] and g is not groove]
        return self.pick(rng, style or near or [groove])

    @staticmethod
    def pick(rng, grooves):
        return grooves[int(rng.integers(len(grooves)))]


def mma_chart(rng, groove, tempo, bars, second=None):
    lines = [f"RndSeed {int(rng.integers(1 << 30))}", f"Tempo {tempo:.3f}", f"Groove {groove['file']}:{groove['name']}"]
    for i, line in enumerate(charts.as_mma(bars)):
        if second and i == len(bars) // 8 * 4:
            lines.append(f"Groove {second['file']}:{second['name']}")
        lines.append(line)
    return "\n".join(lines) + "\n"


def bass_line(rng, tracks, seconds_of, end, low):
    """[N, 8] of the bass tracks: one note at a time, in range by octaves, played by somebody."""
    notes = sorted(n for t in tracks if mma.is_bass(t) for n in t.notes)
    kept = []
    for start, stop, key, velocity in notes:
        if kept and start - kept[-1][0] < 12:  # together: the lower one
            if key < kept[-1][2]:
                kept[-1] = (kept[-1][0], stop, key, velocity)
        else:
            kept.append((start, stop, key, velocity))
    if len(kept) < 4:
        raise ValueError("hardly any bass")
    line = np.zeros((len(kept), 8))
    line[:, sounds.ONSET] = [seconds_of(n[0]) for n in kept]
    line[:, sounds.OFFSET] = [seconds_of(n[1]) for n in kept]
    line[:, sounds.KEY] = [n[2] for n in kept]
    line[:, sounds.VELOCITY] = [n[3] for n in kept]
    line[:, sounds.KEY] += 12 * np.ceil((low + 2 - np.median(line[:, sounds.KEY])) / 12)
    high = float(rng.choice([48, 52, 55, 60]))
    line[:, sounds.KEY] -= 12 * max(0, np.ceil((np.median(line[:, sounds.KEY]) - low - 20) / 12))
    for _ in range(4):
        line[:, sounds.KEY] += np.where(line[:, sounds.KEY] < low, 12, np.where(line[:, sounds.KEY] > high, -12, 0))
    length = line[:, sounds.OFFSET] - line[:, sounds.ONSET]
    jitter = rng.uniform(0, 0.009)
    line[:, sounds.ONSET] += rng.normal(0, jitter, len(line)).clip(-0.02, 0.02) + rng.uniform(-0.006, 0.01)
    line = line[np.argsort(line[:, sounds.ONSET], kind="stable")]
    manner = rng.random()
    if manner < 0.4:
        length = length * rng.uniform(0.55, 1)
    following = np.append(line[1:, sounds.ONSET], end)
    if manner > 0.85:  # legato
        length = np.maximum(length, np.minimum(following - line[:, sounds.ONSET], 1.5))
    line[:, sounds.ONSET] = np.maximum(line[:, sounds.ONSET], GRID)
    line[:, sounds.ONSET] = np.round(line[:, sounds.ONSET] / GRID) * GRID
    line[:, sounds.OFFSET] = np.minimum(line[:, sounds.ONSET] + np.maximum(length, 0.05), np.append(line[1:, sounds.ONSET], end))
    line[:, sounds.OFFSET] = np.round(line[:, sounds.OFFSET] / GRID) * GRID
    line = line[line[:, sounds.OFFSET] - line[:, sounds.ONSET] > 0.03]
    velocity = line[:, sounds.VELOCITY]
    line[:, sounds.VELOCITY] = np.clip(velocity.mean() + (velocity - velocity.mean()) * rng.uniform(0.3, 1.1) + rng.normal(0, rng.uniform(0, 8), len(line))
                                       + rng.uniform(-5, 20), 30, 127).round()
    if rng.random() < 0.35:
        expressive = rng.uniform(0.02, 0.2)
        for note in line:
            length = note[sounds.OFFSET] - note[sounds.ONSET]
            if rng.random() > expressive:
                continue
            kind = rng.choice([sounds.SLIDE, sounds.VIBRATO, sounds.FALL], p=[0.5, 0.3, 0.2])
            if kind == sounds.SLIDE:
                note[4:] = kind, rng.choice([-5, -3, -2, -1, -1, -0.5, 1, 2]), rng.uniform(0.015, 0.05), 0
            elif kind == sounds.VIBRATO and length > 0.4:
                note[4:] = kind, rng.uniform(0.08, 0.4), rng.uniform(4.5, 6.5), rng.uniform(0.08, 0.3)
            elif kind == sounds.FALL and length > 0.25:
                note[4:] = kind, rng.choice([-7, -5, -3, -2, 1, 2]), length * rng.uniform(0.4, 0.8), rng.uniform(0.08, 0.3)
    return line


def warped(rng, style):
    """A map of the phase of the beat: none mostly, or a swing of straight music."""
    if style in ("jazz", "blues") or rng.random() > 0.2:
        return lambda beat: beat
    late = rng.uniform(0.02, 0.17)
    grid = rng.choice([1.0, 0.5], p=[0.7, 0.3])

    def warp(beat):
        whole = np.floor(beat / grid) * grid
        phase = (beat - whole) / grid
        middle = 0.5 + late
        return whole + grid * (phase / 0.5 * middle if phase < 0.5 else middle + (phase - 0.5) / 0.5 * (1 - middle))
    return warp


def draw_sounds(rng, kind, font, groove, count):
    """The song's basses, unlike each other: (font, program) or a Synthetic."""
    drawn = []
    while len(drawn) < count:
        if kind == "font":
            choice = ("timgm", int(rng.integers(32, 40)))
        elif kind == "timbre":
            choice = "fm" if rng.random() < 0.33 else (font, int(rng.choice(sounds.HELD_OUT_PROGRAMS)))
        elif rng.random() < 0.38:
            choice = str(rng.choice([k for k in sounds.KINDS if k != sounds.HELD_OUT_KIND]))
        else:
            own = [p for p in groove["programs"] if p in PROGRAMS]
            program = int(own[0]) if own and rng.random() < 0.35 else int(rng.choice(PROGRAMS))
            choice = (str(rng.choice(["fluid", "musescore"])), program)
        if kind in ("font", "timbre") or choice not in [c for c, _ in drawn]:
            drawn.append((choice, sounds.Synthetic(choice, rng) if isinstance(choice, str) else None))
    return drawn


class Maker:
    def __init__(self, table):
        self.grooves = {testing: Grooves(table, testing) for testing in (False, True)}
        self.player = fluid.Player(RATE, CHANNELS)
        self.drummer = fluid.Player(2 * RATE, 16)
        progressions = pathlib.Path(__file__).parent / "progressions.json"
        self.progressions = json.loads(progressions.read_text()) if progressions.exists() else None

    def song(self, kind, number):
        """Everything of a song, or ValueError where MMA or chance gave something unfit."""
        for attempt in range(20):
            try:
                return self.attempt(kind, np.random.default_rng([zlib.crc32(kind.encode()), number, attempt]))
            except ValueError:
                continue
        raise ValueError(f"{kind} {number}: twenty attempts failed")

    def attempt(self, kind, rng):
        testing = kind != "train"
        pool = self.grooves[testing]
        groove = pool.draw(rng)
        style, compound = groove["style"], groove["beats"] == 6
        slow = 0.68 if re.search("ballad|slow", groove["file"] + groove["name"], re.IGNORECASE) else 1
        felt = float(np.clip(TEMPI[style] * slow * np.exp(rng.normal(0, 0.22)), 60, 120 if compound else 180))
        tempo = felt * 3 if compound else felt
        bar_seconds = groove["beats"] * 60 / tempo
        bars = max(4, int(rng.uniform(24, 38) / bar_seconds))
        lead = rng.uniform(0.02, 0.7)
        chart = charts.chart(rng, style, groove["beats"], bars, testing, self.progressions)
        near = [g for g in pool.files[groove["file"]] if g["beats"] == groove["beats"] and g["drums"]]
        second = pool.pick(rng, near) if near and rng.random() < 0.25 and bars >= 8 else None
        warp = warped(rng, style)
        end = lead + bars * bar_seconds

        def seconds_of(tick):
            return lead + warp(tick / mma.TICKS) * 60 / tempo

        others = [pool.like(rng, groove) for _ in range(3 if testing else 1)]
        tracks, length = mma.play(mma_chart(rng, groove, tempo, chart, second))
        if abs(length - bars * bar_seconds) > 2.5:
            raise ValueError("another length than the chart's")
        low = 23 if rng.random() < 0.12 else 28
        lines = [bass_line(rng, tracks, seconds_of, end, low)]
        for other in others:
            theirs, length = mma.play(mma_chart(rng, other, tempo, chart))
            if abs(length - bars * bar_seconds) > 2.5:
                raise ValueError("another length than the chart's")
            lines.append(bass_line(rng, theirs, seconds_of, end, low))
        frames = int(np.ceil((end + 0.6) * RATE / FRAME))
        samples = frames * FRAME
        font = "timgm" if kind == "font" else str(rng.choice(["fluid", "musescore"]))
        basses = draw_sounds(rng, kind, font, groove, 2)
        stems, names, kicks = self.mix(rng, tracks, seconds_of, font, frames, lines, basses)
        renders = stems[len(names):]
        bass_audio, loudness = self.basses(rng, lines, basses, renders, samples)
        beats = np.arange(bars * groove["beats"] + 1)
        step = 3 if compound else 1
        chords = [chord for bar in chart for chord in bar][::step]
        audio = list(stems[: len(names)]) + bass_audio
        banks = np.stack([np.concatenate([quantise(part.reshape(frames, -1)) for part in frontend.analyse(a, frames, BANDS)], 1)
                          for a in audio])
        times = (np.arange(6 * frames) * 192 + 96) / RATE
        return dict(
            banks=banks,
            notes=np.concatenate([np.column_stack([np.full(len(line), i), line]) for i, line in enumerate(lines)]).astype(np.float32),
            pitch=np.stack([sounds.pitch_curve(line, times) for line in lines]).astype(np.float32),
            loudness=np.stack(loudness).astype(np.float16),
            beats=(lead + beats[::step] * 60 / tempo).astype(np.float32),
            bar=(beats[:-1:step] // groove["beats"]).astype(np.int16),
            roots=np.array([r for r, _ in chords], np.int16),
            tones=np.array([sum(1 << (r + t) % 12 for t in charts.QUALITIES[q]) for r, q in chords], np.int16),
            kicks=np.array(kicks, np.float32),
            info=json.dumps(dict(groove=f"{groove['file']}:{groove['name']}", style=style, tempo=felt, beats=groove["beats"] // step,
                                 stems=names, sounds=[c if isinstance(c, str) else list(c) for c, _ in basses], font=font)),
        ), (audio, names)

    def mix(self, rng, tracks, seconds_of, font, frames, lines, basses):
        """Sounds of the groups of the mix and, after them, of the sampled basses' renders (silent for synthesised ones)."""
        blocks = frames * FRAME // fluid.BLOCK
        drums = [t for t in tracks if t.drums]
        renders = len(lines) * len(basses)
        others = sorted((t for t in tracks if not t.drums and not mma.is_bass(t)), key=lambda t: -len(t.notes))[: CHANNELS - renders]
        programs, events = [], []
        for channel, track in enumerate(others):
            program = track.program if rng.random() < 0.7 else track.program // 8 * 8 + int(rng.integers(8))
            programs.append((font, 0, program))
            jitter, lag = rng.uniform(0, 0.008), rng.uniform(-0.004, 0.008)
            for start, stop, key, velocity in track.notes:
                on = max(1, round((seconds_of(start) + rng.normal(0, jitter) + lag) / GRID))
                off = max(on + 4, round(seconds_of(stop) / GRID))
                events += [(on, channel, "on", key, int(np.clip(velocity + rng.normal(0, 5), 15, 127))), (off, channel, "off", key, 0)]
        for line_number, line in enumerate(lines):
            for sound_number, (choice, synthetic) in enumerate(basses):
                channel = len(others) + line_number * len(basses) + sound_number
                if synthetic is None:
                    events += sounds.midi_events(line, channel, RATE, fluid.BLOCK)
                    programs.append((choice[0], 0, choice[1]))
                else:
                    programs.append((font, 0, 33))
        audio = self.player.play(programs, events, blocks)
        names, groups, kicks = [], [], []
        if drums:
            kit = drums[0].program if rng.random() < 0.5 else int(rng.choice([0, 8, 16, 24, 25, 32, 40]))
            jitter, events = rng.uniform(0, 0.006), []
            for track in drums:
                for start, stop, key, velocity in track.notes:
                    at = max(1, round((seconds_of(start) + rng.normal(0, jitter)) / GRID))
                    events += [(2 * at, 0, "on", key, int(np.clip(velocity + rng.normal(0, 6), 15, 127))), (2 * at + 40, 0, "off", key, 0)]
                    if key in (35, 36):
                        kicks.append(at * GRID)
            wide = self.drummer.play([(font, fluid.DRUM_BANK, kit)], events, 2 * blocks)[0]
            groups.append(scipy.signal.resample_poly(wide, 1, 2).astype(np.float32))
            names.append("drums")
        if others:
            # Tracks are dealt to the groups, those alike in kind together.
            kinds = sorted({re.split("[-_]", t.name)[0] for t in others})
            rng.shuffle(kinds)
            deal = [kinds.index(re.split("[-_]", t.name)[0]) + i for i, t in enumerate(others)]
            for group in range(GROUPS):
                members = [i for i, g in enumerate(deal) if g % GROUPS == group]
                if members:
                    groups.append(audio[members].sum(0))
                    names.append("+".join(others[i].name for i in members))
        if not groups:
            raise ValueError("nothing to listen to")
        for i, sound in enumerate(groups):
            power = np.sort((sound[: len(sound) // 2400 * 2400].reshape(-1, 2400) ** 2).mean(1))
            groups[i] = sound * np.float32(10 ** (STEM_LEVEL / 20) / np.sqrt(power[len(power) // 2:].mean() + 1e-7))
        return np.stack(groups + list(audio[len(others):])), names, sorted(kicks)

    @staticmethod
    def basses(rng, lines, basses, renders, samples):
        """Each line by each bass, with effects, at the level of basses: sounds [samples] and loudness curves [samples / 192],
        line by line, sound by sound."""
        out = [None] * (len(lines) * len(basses))
        for j, (choice, synthetic) in enumerate(basses):
            seed = int(rng.integers(2**31))
            affected = rng.random() < 0.6
            where = [i * len(basses) + j for i in range(len(lines))]
            sound = [synthetic.render(line, RATE, samples) if synthetic else renders[r] for line, r in zip(lines, where)]
            if affected:
                sound = [sounds.effects(s, RATE, np.random.default_rng(seed)) for s in sound]
            curves = np.stack([sounds.loudness(s, RATE, 192, samples // 192, 96) for s in sound])
            level = np.percentile(curves[curves > curves.max() - 40], 90)
            if not -80 < level < 20:
                raise ValueError("a bass that cannot be heard")
            gain = LEVEL - level
            for r, s, curve in zip(where, sound, curves):
                out[r] = (s * np.float32(10 ** (gain / 20))).astype(np.float32), np.maximum(curve + gain, -90)
        return [s for s, _ in out], [c for _, c in out]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--grooves", type=pathlib.Path, required=True)
    parser.add_argument("--kind", choices=["train", "test", "font", "timbre"], default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=3000)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    maker = Maker(json.loads(arguments.grooves.read_text()))
    begun, made = time.time(), 0
    for number in range(arguments.first + arguments.worker, arguments.last, arguments.workers):
        path = arguments.output / f"{arguments.kind}-{number:05d}.npz"
        if path.exists():
            continue
        song, (audio, names) = maker.song(arguments.kind, number)
        if arguments.kind != "train":
            pair = np.stack([sum(audio[: len(names)]), audio[len(names)]], 1)
            soundfile.write(path.with_suffix(".flac"), pair / max(1, np.abs(pair).max()), RATE)
        np.save(path.with_suffix(".npy"), song.pop("banks"))
        partial = path.with_suffix(".partial")
        with open(partial, "wb") as file:
            np.savez(file, **song)
        partial.rename(path)  # last: a song with its .npz is whole
        made += 1
        if made % 20 == 0:
            print(f"{arguments.kind} {number}: {(time.time() - begun) / made:.2f} s a song", flush=True)


if __name__ == "__main__":
    main()
