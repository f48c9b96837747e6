"""Few steps: a shortcut model that starts from the trained generator and learns to make large steps, guidance included.

    python distil.py --data work/songs --autoencoder work/autoencoder/last.pt --generator work/generator/last.pt \
        --run work/distilled [--steps 1500]

A step of 1/8 is taught to equal two guided steps of 1/16 of the teacher (rescaled, guidance w from 1 to 5, which is an input
of the network); steps of 1/4 and 1/2 to equal two of the student's own half as large. A part of each batch goes on with the
flow itself (d = 0, w = 1), so that the network still serves as it did. Seeded, checkpointed, resumable.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import dataset
import generator
import metrics
import sampling
from autoencoder import LATENTS
from train_generator import Average, batch, conditions_of, flow_loss, generate, load_autoencoder, rate_share, save

KINDS = ((1 / 8, 0.45), (1 / 4, 0.35), (1 / 2, 0.2))  # sizes of steps and their shares
FLOW_WEIGHT = 0.3
GUIDANCE = (1.0, 5.0)


def teacher_target(teacher, z, t, d, w, conditions, listened, blind):
    """Mean velocity of two guided teacher steps of d / 2 from z at t."""
    start, half = z, d / 2
    for _ in range(2):
        zero, one = torch.zeros_like(t), torch.ones_like(t)
        at = t[:, None, None]
        conditional = z - at * teacher(z, t, zero, one, listened)
        unconditional = z - at * teacher(z, t, zero, one, blind)
        x = sampling.guided(conditional, unconditional, w[:, None, None])
        x = torch.where(conditions.mask > 0, conditions.kept, x)
        z = z - half * (z - x) / at
        t = t - half
    return (start - z) / d


def student_target(student, z, t, d, w, listened):
    """Mean velocity of two of the student's own steps of d / 2."""
    size = torch.full_like(t, d / 2)
    first = student(z, t, size, w, listened)
    second = student(z - d / 2 * first, t - d / 2, size, w, listened)
    return (first + second) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "autoencoder", "generator", "run"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--frames", type=int, default=192)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--earlier", type=pathlib.Path, nargs=2, metavar=("GENERATOR", "DISTILLED"),
                        help="a generator that this one was trained on from, and what was distilled from it: the student begins "
                        "with what that changed")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    coder = load_autoencoder(arguments.autoencoder, device)
    kept = torch.load(arguments.generator, weights_only=True, map_location=device)

    def of(values):
        model = generator.Generator(**kept["sizes"]).to(device)
        model.load_state_dict(values)
        return model
    teacher, student, slow = (of(kept["model"]) for _ in range(3))
    if arguments.earlier:
        before, after = (torch.load(p, weights_only=True, map_location=device)["model"] for p in arguments.earlier)
        student.load_state_dict({k: v + after[k] - before[k] if k in after else v for k, v in kept["model"].items()})
        slow.load_state_dict(student.state_dict())
    teacher.requires_grad_(False)
    slow.requires_grad_(False)
    # What is heard is the teacher's: the mix encoder stays, and steps are taught on the same footing.
    student.mix_encoder.requires_grad_(False)
    learning = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=arguments.rate, betas=(0.9, 0.98))
    average, step, spent = Average(student, 0.995), 0, 0.0
    last = arguments.run / "last.pt"
    if last.exists():
        old = torch.load(last, weights_only=True, map_location=device)
        student.load_state_dict(old["raw"])
        optimizer.load_state_dict(old["optimizer"])
        average.values, average.count, step, spent = old["model"], old["step"], old["step"], old["seconds"]
    half = torch.cpu._is_avx512_bf16_supported() if device == "cpu" else True
    songs, tests = dataset.songs(arguments.data, "train"), dataset.songs(arguments.data, "test", dataset.LOOKED_AT)
    begun, sums = time.time() - spent, []
    while step < arguments.steps:
        rng = np.random.default_rng([arguments.seed, step, 2])
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate_share(step, arguments.steps)
        b = batch(songs, [arguments.seed, step, 3], arguments.batch, arguments.frames, device)
        size = float(rng.choice([d for d, _ in KINDS], p=[p for _, p in KINDS]))
        slow.load_state_dict(average.values)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            with torch.no_grad():
                latents = coder.encode(b["bass"]).float()
                conditions = conditions_of(b, rng, latents)
                heard = teacher.mix_encoder(conditions.mix)
                # As the product does it: the chords are those that are heard where none are given.
                conditions = teacher.hear_chords(conditions, heard)
                count = len(latents)
                t = torch.from_numpy(rng.uniform(size, 1, count)).float().to(device)
                t[: count // 3] = torch.from_numpy(rng.integers(1, round(1 / size) + 1, count // 3) * size).float().to(device)
                w = torch.from_numpy(rng.uniform(*GUIDANCE, count)).float().to(device)
                noise = torch.from_numpy(rng.standard_normal(latents.shape, dtype=np.float32)).to(device)
                z = (1 - t)[:, None, None] * latents + t[:, None, None] * noise
                if size == KINDS[0][0]:
                    target = teacher_target(teacher, z, t, size, w, conditions, teacher.listen(conditions, heard),
                                            teacher.listen(conditions.without(), heard))
                else:
                    target = student_target(slow, z, t, size, w, slow.listen(conditions, heard))
            velocity = student(z, t, torch.full_like(t, size), w, student.listen(conditions, heard))
            open_ = 1 - 0.9 * conditions.mask
            shortcut = ((velocity.float() - target.float()) ** 2 * open_).sum() / (open_.sum() * LATENTS)
            flow = torch.zeros(())
            if step % 3 == 0:
                flow, _ = flow_loss(student, b, latents, rng)
        optimizer.zero_grad()
        (shortcut + FLOW_WEIGHT * flow).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        average.update(student)
        step += 1
        sums.append((shortcut.item(), flow.item() * 3))
        if step % 50 == 0 or step == arguments.steps:
            line = dict(step=step, seconds=round(time.time() - begun), train=np.mean(sums, 0).round(4).tolist())
            if step % 400 == 0 or step == arguments.steps:
                slow.load_state_dict(average.values)
                for count in (4, 8):
                    found = generate(slow.float(), coder, tests, count, 3.0, distilled=True)
                    line[f"steps {count}"] = {k: round(v, 3) for k, v in metrics.rates(
                        [metrics.harmony(s, pitch, first) for s, (first, pitch, _) in zip(tests, found)]).items()}
            with open(arguments.run / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
            save(last, model=average.values, raw=student.state_dict(), optimizer=optimizer.state_dict(), step=step,
                 seconds=time.time() - begun, sizes=kept["sizes"], distilled=True)


if __name__ == "__main__":
    main()
