"""Writes models/continuo-synth.safetensors: the decoder's weights and what is measured of each instrument (profiles).

    python export.py work/decoder/best.pt work/profiles.npz ../../models/continuo-synth.safetensors
"""

import argparse
import pathlib

import numpy as np
import safetensors.torch
import torch

import network

# Per instrument, [N, ...]: what each is stands in models/continuo-synth.md.
PROFILES = {"range": (2,), "loudness": (4,), "attack": (4, 96), "release": (32,), "sustains": (), "vibrato": (2,)}


def write_model(path, decoder, profiles, names):
    """The model file. profiles: a mapping from PROFILES' names to arrays [N, ...]."""
    tensors = {name: value.detach().float().contiguous() for name, value in decoder.state_dict().items()}
    # PyTorch numbers a GRU's layers; there is one.
    tensors = {name.replace("_l0", ""): value for name, value in tensors.items()}
    for name, shape in PROFILES.items():
        value = torch.as_tensor(np.asarray(profiles[name]), dtype=torch.float32).contiguous()
        assert value.shape == (len(names), *shape) and value.isfinite().all(), (name, value.shape)
        tensors[f"instrument.{name}"] = value
    assert tensors["embedding"].shape == (len(names), network.EMBEDDING)
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tensors, path, metadata={
        "format": "continuo-synth", "version": "1", "license": "ISC", "instruments": ",".join(names),
        "frame_rate": str(network.RATE // network.HOP), "sample_rate": str(network.RATE)})


def read_model(path):
    """A decoder of the model file."""
    tensors = safetensors.torch.load_file(path)
    width, state = tensors["in.weight"].shape[0], tensors["gru.weight_hh"].shape[1]
    decoder = network.Decoder(width, state, tensors["embedding"].shape[0])
    names = {name.replace("_l0", ""): name for name in decoder.state_dict()}
    decoder.load_state_dict({names[name]: value for name, value in tensors.items() if name in names})
    return decoder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("profiles", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint, weights_only=True)
    decoder = network.Decoder(checkpoint["width"], checkpoint["state"], len(checkpoint["instruments"]))
    decoder.load_state_dict(checkpoint["decoder"])
    write_model(arguments.output, decoder, np.load(arguments.profiles), checkpoint["instruments"])
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
