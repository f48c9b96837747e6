"""Writes models/continuo-bass-autoencoder.safetensors and models/continuo-bass-generator.safetensors.

    python export.py autoencoder work/autoencoder/last.pt [work/sound/last.pt] ../../models/continuo-bass-autoencoder.safetensors
    python export.py generator work/generator/last.pt ../../models/continuo-bass-generator.safetensors

Tensors have their names in the PyTorch modules, but for these of the autoencoder: latent.mean and latent.std [24] (what
standardises the encoder's output), frontend.tonal [144, 373] and frontend.rhythm [32, 257] (the filters, weights of the power
spectra's first lines), and the GRU's without PyTorch's layer number. Metadata: model, version, and the sizes as JSON.
"""

import argparse
import json
import pathlib

import numpy as np
import safetensors
import safetensors.torch
import torch

import autoencoder
import frontend
import generator


def filters():
    tonal = frontend.tonal_filters()
    used = int(np.flatnonzero(tonal.any(0)).max()) + 1
    return {"frontend.tonal": torch.from_numpy(tonal[:, :used].copy()).float(), "frontend.rhythm": torch.from_numpy(frontend.rhythm_filters()).float()}


def write(path, name, tensors, sizes):
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().float().contiguous() for k, v in tensors.items()}
    assert all(v.isfinite().all() for v in tensors.values())
    safetensors.torch.save_file(tensors, path, metadata={"model": name, "version": "1", "license": "ISC", "sizes": json.dumps(sizes)})
    print(f"{path}: {path.stat().st_size} bytes, {sum(v.numel() for v in tensors.values())} numbers")


def write_autoencoder(path, model):
    tensors = {k.replace("_l0", ""): v for k, v in model.state_dict().items() if not k.startswith("standard.")}
    tensors["latent.mean"] = model.standard.running_mean
    tensors["latent.std"] = torch.sqrt(model.standard.running_var + model.standard.eps)
    write(path, "continuo-bass-autoencoder", tensors | filters(), model.sizes)


def write_generator(path, model, extra=()):
    write(path, "continuo-bass-generator", model.state_dict(), model.sizes | dict(extra))


def read(path):
    """The model of a file: an Autoencoder or a Generator."""
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {k: file.get_tensor(k) for k in file.keys()}
    sizes = json.loads(metadata["sizes"])
    if metadata["model"] == "continuo-bass-generator":
        model = generator.Generator(**{k: sizes[k] for k in ("width", "blocks", "head", "mix_width", "mix_blocks")})
        model.load_state_dict(tensors)
        return model.eval()
    model = autoencoder.Autoencoder(**sizes)
    state = model.state_dict()
    for name in state:
        if name.replace("_l0", "") in tensors:
            state[name] = tensors[name.replace("_l0", "")]
    state["standard.running_mean"] = tensors["latent.mean"]
    state["standard.running_var"] = tensors["latent.std"] ** 2 - model.standard.eps
    model.load_state_dict(state)
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["autoencoder", "generator"])
    parser.add_argument("paths", type=pathlib.Path, nargs="+", help="checkpoints, then the output")
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.paths[0], weights_only=True, map_location="cpu")
    if arguments.what == "autoencoder":
        model = autoencoder.Autoencoder(**checkpoint["sizes"])
        model.load_state_dict(checkpoint["model"])
        for path in arguments.paths[1:-1]:
            model.sound.load_state_dict(torch.load(path, weights_only=True, map_location="cpu")["sound"])
        write_autoencoder(arguments.paths[-1], model)
    else:
        sizes = checkpoint["sizes"]
        model = generator.Generator(**sizes)
        model.load_state_dict(checkpoint["model"])
        write_generator(arguments.paths[-1], model, {k: checkpoint[k] for k in ("distilled",) if k in checkpoint}.items())


if __name__ == "__main__":
    main()
