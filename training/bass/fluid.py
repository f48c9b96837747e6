"""Sampled instruments by libfluidsynth: many MIDI channels in one pass, each to a buffer of its own; dry.

One `Player` holds a synthesiser with whole soundfonts in memory, so that a song costs no start and no files.
"""

import ctypes
import ctypes.util
import os

import numpy as np

FONTS = {  # Debian's fluid-soundfont-gm and musescore-general-soundfont (MIT), timgm6mb-soundfont (GPL; only evaluation)
    "fluid": os.environ.get("FLUID_SOUNDFONT", "/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": os.environ.get("MUSESCORE_SOUNDFONT", "/usr/share/sounds/sf3/MuseScore_General.sf3"),
    "timgm": os.environ.get("HELD_OUT_SOUNDFONT", "/usr/share/sounds/sf2/TimGM6mb.sf2")}
BLOCK = 64  # samples: events take effect at multiples of it
BEND_RANGE = 12  # semitones
DRUM_BANK = 128


def library():
    lib = ctypes.CDLL(ctypes.util.find_library("fluidsynth") or "libfluidsynth.so.3")
    for name in ("new_fluid_settings", "new_fluid_synth"):
        getattr(lib, name).restype = ctypes.c_void_p
    return lib


class Player:
    """channels: how many sounds at once, a multiple of 16. Times are given in blocks of 64 samples at `rate`."""

    def __init__(self, rate, channels, fonts=tuple(FONTS), gain=0.6):
        self.lib, self.rate, self.channels = library(), rate, channels
        self.lib.fluid_set_log_function(2, None, None)
        self.lib.fluid_set_log_function(1, None, None)
        settings = ctypes.c_void_p(self.lib.new_fluid_settings())
        for name, value in (("synth.sample-rate", float(rate)), ("synth.gain", gain)):
            self.lib.fluid_settings_setnum(settings, name.encode(), ctypes.c_double(value))
        for name, value in (("synth.midi-channels", channels), ("synth.audio-channels", channels), ("synth.audio-groups", channels),
                            ("synth.polyphony", 400), ("synth.reverb.active", 0), ("synth.chorus.active", 0),
                            ("synth.cpu-cores", 1)):
            self.lib.fluid_settings_setint(settings, name.encode(), ctypes.c_int(value))
        self.synth = ctypes.c_void_p(self.lib.new_fluid_synth(settings))
        self.fonts = {font: self.lib.fluid_synth_sfload(self.synth, FONTS[font].encode(), 0) for font in fonts}
        assert all(f >= 0 for f in self.fonts.values()), self.fonts

    def play(self, sounds, events, blocks):
        """[channels, blocks · 64] float32, left and right averaged.

        sounds: per channel (font, bank, program). events: (block, channel, kind, a, b) with kind "on" (key, velocity),
        "off" (key) or "bend" (semitones).
        """
        lib, synth = self.lib, self.synth
        lib.fluid_synth_system_reset(synth)
        for channel, (font, bank, program) in enumerate(sounds):
            lib.fluid_synth_set_channel_type(synth, channel, 1 if bank == DRUM_BANK else 0)
            if lib.fluid_synth_program_select(synth, channel, self.fonts[font], bank, program) != 0:
                lib.fluid_synth_program_select(synth, channel, self.fonts[font], bank, 0)
            lib.fluid_synth_pitch_wheel_sens(synth, channel, BEND_RANGE)
            lib.fluid_synth_cc(synth, channel, 7, 100)
            lib.fluid_synth_cc(synth, channel, 10, 64)
        count = len(sounds)
        audio = np.zeros((2 * self.channels, blocks * BLOCK), np.float32)
        base, stride = audio.ctypes.data, audio.strides[0]
        addresses = (ctypes.c_void_p * (2 * self.channels))()
        at = 0

        def render(upto):
            nonlocal at
            while at < upto:
                n = min(upto - at, 128)
                for i in range(2 * self.channels):
                    addresses[i] = base + i * stride + at * BLOCK * 4
                lib.fluid_synth_process(synth, n * BLOCK, 0, None, 2 * self.channels, addresses)
                at += n
        order = {"off": 0, "bend": 1, "on": 2}
        for block, channel, kind, a, b in sorted(events, key=lambda e: (e[0], order[e[2]])):
            if block >= blocks:
                break
            if block > at:
                render(block)
            if kind == "on":
                lib.fluid_synth_noteon(synth, channel, a, b)
            elif kind == "off":
                lib.fluid_synth_noteoff(synth, channel, a)
            else:
                lib.fluid_synth_pitch_bend(synth, channel, int(np.clip(round(8192 + a / BEND_RANGE * 8192), 0, 16383)))
        render(blocks)
        return (audio[0:2 * count:2] + audio[1:2 * count:2]) / 2
