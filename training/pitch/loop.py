"""What the trainings of Continuo Pitch's networks share: steps with a rate that rises, falls and ends, averaged weights, a log, and
checkpoints to go on from."""

import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch


def arguments(description, steps, threads):
    """The options that all of them have, and a parser that may get more."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--minutes", type=float, help="end, with the rate run down, after so long at the latest")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--start", help="a checkpoint with weights to start from, such as the other setting's")
    parser.add_argument("--threads", type=int, default=threads)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def run(options, model, losses, weights, validate, every, **kept):
    """Trains `model` until `options.steps`, or `options.minutes`, are over; RUN/last.pt is written each 50 steps.

    `losses(model, step)` gives the losses of a step, which are summed with `weights`; `validate(model)`, called each `every` steps with
    the averaged weights, a dictionary of figures for the log; `kept` goes into the checkpoint.
    """
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    model = model.to(options.device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01, betas=(0.9, 0.98))
    step, progress, last = 0, 0.0, options.run / "last.pt"
    if last.exists():
        saved = torch.load(last, map_location=options.device)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, progress = saved["step"], saved["progress"]
    elif options.start:
        saved = torch.load(options.start, map_location=options.device)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
    print(f"{sum(p.numel() for p in model.parameters())} parameters, step {step}, on {options.device}", flush=True)
    recent, began = [], time.time()
    log = open(options.run / "log.jsonl", "a")

    def save():
        partial = last.with_suffix(".partial")
        torch.save(dict(model=model.state_dict(), average=average.state_dict(), optimiser=optimiser.state_dict(),
                        step=step, progress=progress, **kept), partial)
        os.replace(partial, last)

    start, clock = progress, time.time()
    while progress < 1:
        rate = float(options.rate * min(1, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 2e-5)
        for group in optimiser.param_groups:
            group["lr"] = rate
        values = losses(model, step)
        loss = sum(weight * value for weight, value in zip(weights, values, strict=True))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        average.update_parameters(model)
        recent.append([v.item() for v in values])
        step += 1
        progress += 1 / options.steps
        if options.minutes:
            progress = max(progress, start + (1 - start) * (time.time() - clock) / 60 / options.minutes)
        if step % 50 == 0:
            save()
            line = dict(step=step, seconds=round(time.time() - began), rate=round(rate, 6), progress=round(progress, 3),
                        losses=[round(v, 4) for v in np.mean(recent, axis=0)])
            if step % every == 0:
                line["held"] = {k: round(v, 4) for k, v in validate(average.module).items()}
            recent = []
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
    save()
