#!/usr/bin/env python3
"""Compares the notes of two recordings of MIDI, or lists those of one.

    notes.py FILE                        one note a line: onset and end in seconds, key, velocity
    notes.py --grid FILE RATE HOP        the note-ons' frame modulo HOP frames: one number, if all of them lie on one grid
    notes.py EXPECTED ACTUAL [TOLERANCE]  the same keys in the same order? Onsets and ends within TOLERANCE seconds (default 0) once
                                         the constant offset (the median of the onsets' differences) is taken off?

A FILE is a Standard MIDI File (.mid) or text, one message a line: seconds, status, first and second data byte. Prints what
differs, and ends with 1 if anything does.
"""
import struct
import sys
from statistics import median


def variable_length(data, at):
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def midi_file(path):
    """The channel messages of a Standard MIDI File, as (seconds, status, first, second)."""
    data = open(path, "rb").read()
    assert data[:4] == b"MThd", f"{path}: no MIDI file"
    length, _, tracks, division = struct.unpack(">IHHH", data[4:14])
    events, at = [], 8 + length
    for _ in range(tracks):
        size = struct.unpack(">I", data[at + 4:at + 8])[0]
        at, end, ticks, status = at + 8, at + 8 + size, 0, 0
        while at < end:
            delta, at = variable_length(data, at)
            ticks += delta
            if data[at] & 0x80:
                status = data[at]
                at += 1
            if status in (0xF0, 0xF7, 0xFF):
                kind = data[at] if status == 0xFF else None
                at += status == 0xFF
                size, at = variable_length(data, at)
                if kind == 0x51:
                    events.append((ticks, 0xFF, int.from_bytes(data[at:at + 3], "big"), 0))
                at += size
            else:
                count = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
                events.append((ticks, status, data[at], data[at + 1] if count == 2 else 0))
                at += count
    messages, tempo, seconds, last = [], 500000, 0.0, 0
    for ticks, status, first, second in sorted(events, key=lambda event: event[0]):
        if division & 0x8000:
            seconds = ticks / ((256 - (division >> 8)) * (division & 0xFF))
        else:
            seconds += (ticks - last) * tempo / 1e6 / division
        last = ticks
        if status == 0xFF:
            tempo = first
        else:
            messages.append((seconds, status, first, second))
    return messages


def read(path):
    if path.endswith(".mid"):
        return midi_file(path)
    messages = []
    for line in open(path):
        seconds, status, first, second = line.split()
        messages.append((float(seconds), int(status), int(first), int(second)))
    return messages


def notes(messages):
    """[onset, end or None, key, velocity] of each note."""
    found, sounding = [], {}
    for seconds, status, key, velocity in messages:
        kind = status & 0xF0
        if kind == 0x90 and velocity:
            note = [seconds, None, key, velocity]
            found.append(note)
            sounding[key] = note
        elif kind in (0x80, 0x90) and key in sounding:
            sounding.pop(key)[1] = seconds
    return found


def compare(expected, actual, tolerance):
    faults = []
    keys = [[note[2] for note in side] for side in (expected, actual)]
    if not keys[0]:
        return ["no notes were expected, which proves nothing"]
    if keys[0] != keys[1]:
        same = next((i for i, pair in enumerate(zip(*keys)) if pair[0] != pair[1]), min(map(len, keys)))
        return [f"{len(keys[0])} notes expected, {len(keys[1])} came; note {same + 1} is the first to differ: "
                f"{keys[0][same:same + 4]} against {keys[1][same:same + 4]}"]
    offset = median(b[0] - a[0] for a, b in zip(expected, actual))
    for number, (a, b) in enumerate(zip(expected, actual), 1):
        if abs(b[0] - a[0] - offset) > tolerance:
            faults.append(f"note {number} begins at {b[0] - offset:.4f} s for {a[0]:.4f}")
        if (a[1] is None) != (b[1] is None) or (a[1] is not None and abs(b[1] - a[1] - offset) > tolerance):
            faults.append(f"note {number} ends at {b[1]} - {offset:.4f} s for {a[1]}")
        if abs(a[3] - b[3]) > (4 if tolerance else 0):
            faults.append(f"note {number} has velocity {b[3]} for {a[3]}")
    worst = max(abs(b[0] - a[0] - offset) for a, b in zip(expected, actual))
    if not faults:
        print(f"{len(expected)} notes, offset {offset * 1000:.2f} ms, onsets within {worst * 1000:.2f} ms")
    return faults


def grid(messages, rate, hop):
    """The one remainder of all note-ons' frames."""
    found = {round(seconds * rate) % hop for seconds, status, _, velocity in messages if status & 0xF0 == 0x90 and velocity}
    if len(found) != 1:
        print(f"note-ons lie at {sorted(found)} modulo {hop} frames")
        return 1
    print(found.pop())
    return 0


def main():
    if sys.argv[1] == "--grid":
        return grid(read(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    if len(sys.argv) == 2:
        for onset, end, key, velocity in notes(read(sys.argv[1])):
            print(f"{onset:.4f} {end if end is None else format(end, '.4f')} {key} {velocity}")
        return 0
    tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-9
    faults = compare(notes(read(sys.argv[1])), notes(read(sys.argv[2])), tolerance)
    for fault in faults[:5]:
        print(fault)
    return 1 if faults else 0


sys.exit(main())
