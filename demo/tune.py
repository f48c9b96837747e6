#!/usr/bin/env python3
"""Writes tune.mid: the opening of the Prelude of J. S. Bach's first suite for violoncello, BWV 1007, and a closing chord.

    demo/tune.py [FILE]

The notes are Bach's (about 1720, public domain); dynamics and timing are ours: each half bar swells to its top note, the bass
notes are leant on, the whole grows to the third bar and broadens at the end.
"""
import math
import struct
import sys

TICKS = 480
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# Sixteenths, half a bar a line.
HALF_BARS = [
    "G2 D3 B3 A3 B3 D3 B3 D3", "G2 D3 B3 A3 B3 D3 B3 D3",
    "G2 E3 C4 B3 C4 E3 C4 E3", "G2 E3 C4 B3 C4 E3 C4 E3",
    "G2 F#3 C4 B3 C4 F#3 C4 F#3", "G2 F#3 C4 B3 C4 F#3 C4 F#3",
    "G2 G3 B3 A3 B3 G3 B3 G3", "G2 G3 B3 A3 B3 G3 B3 F#3",
]
CHORD = "G2 D3 B3 G4"


def key(name):
    return STEPS[name[0]] + ("#" in name) + 12 * (int(name[-1]) + 1)


def variable_length(number):
    data = [number & 0x7F]
    while number := number >> 7:
        data.insert(0, number & 0x7F | 0x80)
    return bytes(data)


def events():
    """(tick, order, bytes): note-offs before note-ons of one moment."""
    yield 0, 0, b"\xff\x03\x07Prelude"
    yield 0, 0, bytes([0xC0, 42])  # violoncello
    sixteenth, tick = TICKS // 4, 0
    for number, half in enumerate(HALF_BARS):
        progress = number / len(HALF_BARS)
        swell = math.sin(math.pi * min(1, progress * 1.25))  # over the phrase
        for place, name in enumerate(half.split()):
            # 69 beats a minute, lingering on each bass note and broadening in the last half bar.
            beats = 69 * (1 + 0.03 * swell) * (0.9 if place == 0 else 1.02)
            if number == len(HALF_BARS) - 1:
                beats *= 1 - 0.04 * place
            yield tick, 0, b"\xff\x51\x03" + int(60e6 / beats).to_bytes(3, "big")
            velocity = 58 + 26 * swell + (16 if place == 0 else 7 * math.sin(math.pi * place / 7))
            # The first three in one bow, the others apart.
            length = sixteenth * (1.03 if place < 3 else 0.88)
            yield tick, 2, bytes([0x90, key(name), round(velocity)])
            yield tick + round(length), 1, bytes([0x80, key(name), 64])
            tick += sixteenth
    yield tick, 0, b"\xff\x51\x03" + int(60e6 / 56).to_bytes(3, "big")
    for place, name in enumerate(CHORD.split()):
        yield tick + 26 * place, 2, bytes([0x90, key(name), 84 - 4 * place])
        yield tick + 4 * TICKS, 1, bytes([0x80, key(name), 64])


def main():
    track, last = b"", 0
    for tick, _, data in sorted(events(), key=lambda event: event[:2]):
        track += variable_length(tick - last) + data
        last = tick
    track += b"\x00\xff\x2f\x00"
    with open(sys.argv[1] if len(sys.argv) > 1 else "tune.mid", "wb") as file:
        file.write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track)


main()
