#!/usr/bin/env python3
"""Rebuilds song.ogg: drums and keys without a bass, 12 bars of 4/4 at 96 beats a minute. The result is committed.

    demo/song.py

Needs sox, Debian's sonic-pi-samples (SAMPLES) and the built program. The drums are three recordings of single strokes (SOURCES.md), the
keys Continuo Synth's electric piano; chords and pattern are ours.
"""
import array
import os
import subprocess
import tempfile

RATE, TEMPO, BARS = 44100, 96, 12
BEAT = 60 / TEMPO
SAMPLES = os.environ.get("SAMPLES", "/usr/share/sonic-pi/samples")
HERE = os.path.dirname(os.path.abspath(__file__))
# Am7, Fmaj7, Dm7, E7; in close position around middle C.
CHORDS = [(57, 60, 64, 67), (57, 60, 64, 65), (57, 60, 62, 65), (56, 59, 62, 64)]
COMPING = [(0, 1.4), (1.5, 0.4), (2.5, 1.2)]  # beats: start and length
KICK, SNARE = [0, 1.75, 2, 3.5], [1, 3]


def sound(name):
    raw = subprocess.run(["sox", f"{SAMPLES}/{name}.flac", "-t", "f32", "-r", str(RATE), "-c", "1", "-"],
                         check=True, capture_output=True).stdout
    return array.array("f", raw)


def number(value):
    out = [value & 127]
    while value := value >> 7:
        out.insert(0, value & 127 | 128)
    return bytes(out)


def keys(path):
    events = []
    for bar in range(BARS):
        for start, length in COMPING:
            for place, key in enumerate(CHORDS[bar % 4]):
                at = round((4 * bar + start) * 480) + 3 * place
                velocity = 84 - 8 * (start > 0) + 5 * (place == 3)
                events += [(at, 1, 0x90, key, velocity), (at + round(length * 480), 0, 0x80, key, 64)]
    track, last = b"\0\xff\x51\x03" + round(60e6 / TEMPO).to_bytes(3, "big"), 0
    for tick, _, status, key, velocity in sorted(events):
        track += number(tick - last) + bytes([status, key, velocity])
        last = tick
    track += b"\0\xff\x2f\0"
    with open(path, "wb") as file:
        file.write(b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk" + len(track).to_bytes(4, "big") + track)


def main():
    total = array.array("f", bytes(4 * round((4 * BARS * BEAT + 1.2) * RATE)))

    def add(samples, at, gain):
        begin = round(at * RATE)
        for i, value in enumerate(samples[: max(0, len(total) - begin)]):
            total[begin + i] += gain * value

    kick, snare, hat = sound("drum_heavy_kick"), sound("drum_snare_soft"), sound("drum_cymbal_closed")
    for bar in range(BARS):
        for beat in KICK:
            add(kick, (4 * bar + beat) * BEAT, 0.55 if beat in (0, 2) else 0.4)
        for beat in SNARE:
            add(snare, (4 * bar + beat) * BEAT, 0.5)
        for eighth in range(8):
            add(hat, (4 * bar + eighth / 2) * BEAT, 0.22 if eighth % 2 == 0 else 0.13)
    with tempfile.TemporaryDirectory() as work:
        keys(f"{work}/keys.mid")
        subprocess.run([f"{HERE}/../build/bin/continuo", "play", f"{work}/keys.mid", "-o", f"{work}/keys.wav", "--preset",
                        "Electric Piano", "--rate", str(RATE), "--quiet"], check=True)
        raw = subprocess.run(["sox", f"{work}/keys.wav", "-t", "f32", "-c", "1", "-"], check=True, capture_output=True).stdout
        add(array.array("f", raw), 0, 1.1)
        peak = max(abs(value) for value in total)
        for i, value in enumerate(total):
            total[i] = 0.8 * value / peak
        subprocess.run(["sox", "-t", "f32", "-r", str(RATE), "-c", "1", "-", "-C", "5", f"{HERE}/song.ogg"],
                       input=total.tobytes(), check=True)


if __name__ == "__main__":
    main()
