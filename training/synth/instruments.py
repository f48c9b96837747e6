"""The instruments of Continuo Synth, in the order of the model file's rows."""

from typing import NamedTuple


class Instrument(NamedTuple):
    name: str
    program: int  # General MIDI, from 0
    low: int  # lowest and highest note that is learned (MIDI note numbers)
    high: int
    sustains: bool  # False for sounds that decay by themselves
    vibrato: tuple  # rate in Hz and depth in cents that suit it, as a player's default


INSTRUMENTS = [
    Instrument("violin", 40, 55, 98, True, (5.8, 22)),
    Instrument("viola", 41, 48, 88, True, (5.5, 22)),
    Instrument("cello", 42, 36, 79, True, (5.3, 22)),
    Instrument("double-bass", 43, 28, 60, True, (4.8, 15)),
    Instrument("flute", 73, 59, 96, True, (5.2, 16)),
    Instrument("clarinet", 71, 50, 91, True, (5.0, 4)),
    Instrument("oboe", 68, 58, 91, True, (5.3, 14)),
    Instrument("bassoon", 70, 34, 74, True, (5.0, 10)),
    Instrument("trumpet", 56, 52, 86, True, (5.5, 10)),
    Instrument("horn", 60, 34, 77, True, (5.0, 5)),
    Instrument("tenor-sax", 66, 42, 76, True, (5.0, 16)),
    Instrument("voice", 53, 43, 84, True, (5.6, 28)),
    Instrument("alto-sax", 65, 49, 81, True, (5.1, 16)),
    Instrument("trombone", 57, 34, 72, True, (5.2, 10)),
    Instrument("pan-flute", 75, 55, 91, True, (5.0, 16)),
    Instrument("english-horn", 69, 52, 82, True, (5.2, 14)),
    Instrument("string-ensemble", 48, 36, 96, True, (5.5, 6)),
    Instrument("church-organ", 19, 36, 96, True, (5.0, 0)),
    Instrument("harmonica", 22, 55, 91, True, (5.5, 12)),
    Instrument("accordion", 21, 48, 91, True, (5.0, 0)),
    Instrument("nylon-guitar", 24, 40, 84, False, (5.0, 6)),
    Instrument("steel-guitar", 25, 40, 84, False, (5.0, 6)),
    Instrument("harp", 46, 28, 100, False, (5.0, 0)),
    Instrument("pizzicato", 45, 36, 91, False, (5.5, 8)),
    Instrument("marimba", 12, 45, 96, False, (5.0, 0)),
    Instrument("vibraphone", 11, 53, 89, False, (5.0, 0)),
    Instrument("electric-piano", 4, 28, 96, False, (5.0, 0)),
    Instrument("clavinet", 7, 36, 88, False, (5.0, 0)),
]
NAMES = [instrument.name for instrument in INSTRUMENTS]
