"""Golden vectors of Continuo Bass for the Swift tests.

    python golden.py ../../Tests/vectors/bass [--autoencoder MODEL.safetensors]

Everything is computed in float64 and stored as float32 (but for the front end, which is numpy's float32 arithmetic).

tiny-autoencoder.safetensors, tiny-generator.safetensors
    small models of random weights in the format of the models' files
frontend.safetensors
    audio [28000] at 24 kHz (tones, noise, a click), tonal [2 F, 144] and rhythm [4 F, 32] in dB, features [F, 416], F = 24
autoencoder.safetensors (of the tiny autoencoder)
    features [30, 416] → trunk [30, W], raw [30, 24] (before standardisation), latents [30, 24] → line_trunk [30, W],
    logits [180, 46], cents, onset (logit), loudness [180]; control_pitch, control_loudness [360] with embedding [30, 16],
    control_embedding [360, 16] → logs [360, 193], state [360, G], harmonics [360, 128], noise [360, 65]
decoding.safetensors
    logits, cents, onset, loudness of a take as a trained line head gives them → pitch [N] (0: silent), notes [M, 4] (onset step
    with its fraction, end step, MIDI note, loudest dB), control_pitch and control_loudness [2 N]
generator.safetensors (of the tiny generator; 48 frames)
    mix, mix_known, beat, chords, kept, mask, noise → heard (mix encoder), auxiliary, listened,
    listened_without (nothing known but what is kept); answer [48, 29] of a mix encoder, answer_beat [48, 7] → heard_chords,
    heard_without_beats; step (embedding of t, d, w = 0.7, 0.25, 3), block_in, block_out (the first block's, there, at z = noise), velocity;
    trajectory [4, 48, 24]: z after each of 4 steps, guidance 2, rescaling 0.85, nothing kept;
    styled [4, 48, 24]: the same with style [8], strength 0.8, and what is kept by mask;
    varied [3, 48, 24]: 3 steps from start [48, 24] beginning at t = 0.6, guidance 1;
    distilled [2, 48, 24]: 2 steps, the network taking d and w = 2 itself;
    long_noise, long_beat (300 frames; nothing else known) → long [2, 300, 24]: 2 steps, guidance 1.5, windows of 256 by 192
"""

import argparse
import pathlib

import numpy as np
import safetensors.torch
import torch

import autoencoder
import decoding
import export
import frontend
import generator
import sampling

FRAMES = 48


def shaken(model, seed, scale=0.15):
    """Random weights everywhere, also where training starts from zeros or ones."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value += scale * torch.randn_like(value) * (1 if value.dim() == 1 or value.abs().max() == 0 else value.std() * 2)
    return model.eval()


def tiny_autoencoder(path):
    torch.manual_seed(4)
    model = shaken(autoencoder.Autoencoder(encoder=(24, 1), line=(24, 1, 16, 1), sound=(24, 24, 16)), 5)
    with torch.no_grad():
        model.standard.running_mean.copy_(torch.randn(24) * 0.3)
        model.standard.running_var.copy_(torch.rand(24) + 0.3)
        decoder = model.sound.decoder
        decoder.head.bias[:128] += -1.2 * torch.log10(torch.arange(1, 129).float())
        decoder.head.bias[128:] += -4
    export.write_autoencoder(path, model)


def tiny_generator(path):
    torch.manual_seed(6)
    export.write_generator(path, shaken(generator.Generator(width=32, blocks=2, head=16, mix_width=16, mix_blocks=1), 7))


def frontend_vectors():
    rng = np.random.default_rng(8)
    n = 28000
    t = np.arange(n) / frontend.RATE
    audio = 0.5 * np.sin(2 * np.pi * 41.2 * t) + 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.02 * t)) + 0.01 * rng.standard_normal(n)
    audio[12000:12010] += 0.9
    audio *= np.where(t > 1.0, 0.05, 1)
    audio = audio.astype(np.float32)
    tonal, rhythm = frontend.analyse(audio, 24)
    return dict(audio=audio, tonal=tonal, rhythm=rhythm, features=frontend.features(audio, 24))


def autoencoder_vectors(model, features):
    model = model.double()
    x = torch.as_tensor(features).double()[None]
    with torch.no_grad():
        kept = {}
        hooks = [model.encoder.trunk.register_forward_hook(lambda m, i, o: kept.__setitem__("trunk", o)),
                 model.line_head.trunk.register_forward_hook(lambda m, i, o: kept.__setitem__("line_trunk", o))]
        raw = model.encoder(x)
        latents = model.encode(x)
        logits, cents, onset, loudness = model.line_head(latents)
        for hook in hooks:
            hook.remove()
        count = 12 * x.shape[1]
        time = torch.arange(count).double() * 0.004
        pitch = (40 + 3 * torch.sin(time * 5)).float().double()[None]
        level = (-30 + 20 * torch.cos(time * 9)).float().double()[None]
        level[:, 300:330] = -90
        logs, states = model.sound(pitch, level, latents)
        harmonics, noise = model.sound.decoder.impose(logs, pitch, level)
        embedding = model.sound.embedding(latents)
        out = dict(features=x, raw=raw, latents=latents, logits=logits, cents=cents, onset=onset, loudness=loudness,
                   control_pitch=pitch, control_loudness=level, embedding=embedding,
                   control_embedding=model.sound.at_control_frames(embedding, count),
                   logs=logs, state=states, harmonics=harmonics, noise=noise, **kept)
    return {k: v[0] for k, v in out.items()}


def decoding_vectors(model, song_features):
    with torch.no_grad():
        latents = model.encode(torch.as_tensor(song_features)[None])
        outputs = [x[0].numpy() for x in model.line_head(latents)]
    pitch, loudness, notes = decoding.decode(*outputs)
    control_pitch, control_loudness = decoding.control_frames(pitch, loudness, 2 * len(pitch))
    return dict(logits=outputs[0], cents=outputs[1], onset=outputs[2], loudness=outputs[3], pitch=pitch,
                notes=np.array(notes), control_pitch=control_pitch, control_loudness=control_loudness)


def generator_vectors(model, features):
    model = model.double()
    random = np.random.default_rng(9)

    def tensor(x):
        return torch.as_tensor(np.asarray(x, np.float32)).double()[None]
    times = (np.arange(FRAMES) + 0.5) * 0.048
    beats = np.arange(0, 9) * 0.31
    bar = np.arange(8) // 4
    chords = generator.chord_features(beats, np.array([0, 0, 5, 5, 7, 7, 9, 9]), np.array([145, 145, 545, 545, 2180, 2180, 529, 529]), times)
    mask = np.zeros((FRAMES, 1))
    mask[:12], mask[40:] = 1, 1
    conditions = generator.Conditions(tensor(np.resize(features, (FRAMES, features.shape[1]))), tensor(np.ones((FRAMES, 1))),
                                      tensor(generator.beat_features(beats, bar, times)), tensor(chords),
                                      tensor(random.standard_normal((FRAMES, 24))), tensor(mask))
    free = conditions._replace(mask=torch.zeros_like(conditions.mask))
    noise, start = tensor(random.standard_normal((FRAMES, 24))), tensor(random.standard_normal((FRAMES, 24)))
    style = tensor(random.standard_normal(8))[0]
    out = dict(conditions._asdict(), noise=noise, start=start, style=style[None])
    kept = {}
    with torch.no_grad():
        out["heard"] = model.mix_encoder(conditions.mix)
        out["auxiliary"] = model.mix_encoder.auxiliary(out["heard"])
        # Answers of a chord or two a bar, uncertain, and with ends that no beat covers
        answer = torch.from_numpy(3 * random.standard_normal((FRAMES, 29)) + 4 * np.repeat(random.standard_normal((12, 29)), 4, 0))[None]
        beat = conditions.beat * torch.tensor((times > 0.2) & (times < 2.0))[None, :, None]
        out |= dict(answer=answer.float().double(), answer_beat=beat)
        out["heard_chords"] = generator.heard_chords(out["answer"], beat)
        out["heard_without_beats"] = generator.heard_chords(out["answer"], torch.zeros_like(beat))
        out["listened"] = model.listen(conditions)
        out["listened_without"] = model.listen(conditions.without())
        t, d, w = (torch.tensor([x], dtype=torch.float64) for x in (0.7, 0.25, 3.0))
        out["step"] = model.step_embedding(t, d, w)
        hook = model.blocks[0].register_forward_hook(lambda m, i, o: kept.update(block_in=i[0], block_out=o))
        out["velocity"] = model(noise, t, d, w, out["listened"])
        hook.remove()
    out |= kept

    def trajectory(conditions, noise, **how):
        steps = []
        sampling.sample(model, conditions, noise, trajectory=steps, **how)
        return torch.cat(steps)[None]
    out["trajectory"] = trajectory(free, noise, steps=4, guidance=2.0)
    out["styled"] = trajectory(conditions, noise, steps=4, guidance=2.0, style=style, strength=0.8)
    out["varied"] = trajectory(free, noise, steps=3, guidance=1.0, begin=0.6, start=start)
    out["distilled"] = trajectory(free, noise, steps=2, guidance=2.0, distilled=True)
    long_times = (np.arange(300) + 0.5) * 0.048
    long_beat = tensor(generator.beat_features(np.arange(0, 31) * 0.5, np.arange(30) // 4, long_times))
    nothing = generator.Conditions(*(x.double() for x in sampling.unconditional(300)))
    out["long_noise"], out["long_beat"] = tensor(random.standard_normal((300, 24))), long_beat
    out["long"] = trajectory(nothing._replace(beat=long_beat), out["long_noise"], steps=2, guidance=1.5)
    return {k: v[0] for k, v in out.items()}


def save(path, tensors):
    safetensors.torch.save_file({k: torch.as_tensor(np.asarray(v)).float().contiguous() for k, v in tensors.items()}, path)
    print(path, path.stat().st_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--decoding", nargs=2, metavar=("AUTOENCODER", "SONG"), help="also makes decoding.safetensors, from a trained model and a song's .npz")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    tiny_autoencoder(arguments.folder / "tiny-autoencoder.safetensors")
    tiny_generator(arguments.folder / "tiny-generator.safetensors")
    front = frontend_vectors()
    save(arguments.folder / "frontend.safetensors", front)
    features = np.resize(front["features"], (30, frontend.FEATURES))
    save(arguments.folder / "autoencoder.safetensors", autoencoder_vectors(export.read(arguments.folder / "tiny-autoencoder.safetensors"), features))
    save(arguments.folder / "generator.safetensors", generator_vectors(export.read(arguments.folder / "tiny-generator.safetensors"), front["features"]))
    if arguments.decoding:
        import dataset
        song = dataset.Song(arguments.decoding[1])
        features = dataset.features(np.asarray(song.banks[song.render(0, 0), :120]))
        save(arguments.folder / "decoding.safetensors", decoding_vectors(export.read(pathlib.Path(arguments.decoding[0])), features))


if __name__ == "__main__":
    main()
