#!/usr/bin/env python3
"""WAV files of floats for the tests. As a program: wavfile.py FILE RATE SECONDS writes a mono song of chords, Am F C G, a bar of two
seconds each, with a click on every eighth."""
import array
import math
import struct
import sys


def samples(path, channel=0):
    """A channel's samples."""
    data = open(path, "rb").read()
    channels = struct.unpack_from("<H", data, data.index(b"fmt ") + 10)[0]
    at = data.index(b"data", 36)
    size = min(struct.unpack_from("<I", data, at + 4)[0], len(data) - at - 8) // (4 * channels) * 4 * channels
    return array.array("f", data[at + 8:at + 8 + size])[channel::channels]


def peak(values):
    return max((abs(value) for value in values), default=0)


def write(path, rate, values):
    form = struct.pack("<HHIIHHH", 3, 1, rate, 4 * rate, 4, 32, 0)
    body = array.array("f", values).tobytes()
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body))
    open(path, "wb").write(b"RIFF" + struct.pack("<I", len(head) + len(body)) + head + body)


def song(rate, seconds):
    """The song's first seconds; it begins anew every 8."""
    once = array.array("f", bars(rate, min(seconds, 8)))
    return (once * (int(seconds / 8) + 1))[:int(rate * seconds)]


def bars(rate, seconds):
    chords = [(220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (130.81, 164.81, 196.0), (196.0, 246.94, 293.66)]
    for n in range(int(rate * seconds)):
        time = n / rate
        sound = sum(math.sin(2 * math.pi * frequency * time) for frequency in chords[int(time / 2) % 4])
        yield 0.1 * math.exp(-5 * (time % 0.5)) * sound + (0.2 if n % (rate // 4) < 20 else 0)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), song(int(sys.argv[2]), float(sys.argv[3])))
