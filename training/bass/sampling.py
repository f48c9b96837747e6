"""From noise to latents with a trained generator: steps, guidance, style, a kept part, long songs.

Everything here is deterministic given the noise. Time runs from t = 1 (noise) to 0.
"""

import torch

import frontend
from autoencoder import LATENTS, LINE
from generator import BEAT, CHORD, Conditions

WINDOW, HOP = 256, 192  # frames
RESCALE = 0.85


def times(steps):
    """[steps + 1] from 1 to 0, evenly."""
    return 1 - torch.arange(steps + 1).double() / steps


def guided(conditional, unconditional, w, phi=RESCALE, dim=1):
    """Guidance of x̂ by w, its spread over time per channel drawn back to the conditional's by phi."""
    x = unconditional + w * (conditional - unconditional)
    spread = conditional.std(dim, keepdim=True, correction=0) / (x.std(dim, keepdim=True, correction=0) + 1e-6)
    return phi * x * spread + (1 - phi) * x


def style_share(strength, t):
    """λ: the whole strength until the last third of the steps' time; below full strength it goes to 0 there."""
    return strength if strength >= 1 else strength * min(1.0, max(0.0, 3 * t))


def grounded(x, reference, share):
    """x̂ [B, T, 24] with the mean over time of its timbre channels drawn to the reference's [8] by the share."""
    timbre = x[..., LINE:]
    return torch.cat([x[..., :LINE], timbre + share * (reference - timbre.mean(1, keepdim=True))], -1)


def window_starts(frames):
    """First frames of the windows of a song: every HOP, the last one flush with the end."""
    if frames <= WINDOW:
        return [0]
    starts = list(range(0, frames - WINDOW, HOP))
    return starts + [frames - WINDOW]


def overlap_weights(length):
    """[length, 1]: a triangle that is nowhere 0, by which windows are averaged where they overlap."""
    position = torch.arange(length) + 0.5
    return torch.minimum(position, length - position)[:, None] / length


@torch.no_grad()
def sample(generator, conditions, noise, steps=4, guidance=2.0, phi=RESCALE, style=None, strength=1.0, distilled=False,
           begin=1.0, start=None, trajectory=None):
    """Latents [B, T, 24] from noise [B, T, 24].

    guidance: w; 1 costs one evaluation a step, others two. distilled: the network takes d and w itself, one evaluation a
    step. style: [8] mean timbre channels of a reference. start, begin: latents to vary and the time (0 … 1) to begin at.
    conditions.kept and mask: the part that stays. trajectory: a list that is given z after every step.
    """
    batch, frames, _ = noise.shape
    spans = [slice(a, min(a + WINDOW, frames)) for a in window_starts(frames)]
    parts = [conditions.map(lambda x: x[:, s]) for s in spans]
    listened = [generator.listen(p) for p in parts]
    blind = [] if distilled or guidance == 1 else [generator.listen(p.without()) for p in parts]
    z = noise.clone() if start is None else (1 - begin) * start + begin * noise
    grid = times(steps) * begin
    for t, following in zip(grid[:-1].tolist(), grid[1:].tolist()):
        now = z.new_full((batch,), t)
        size = z.new_full((batch,), t - following if distilled else 0.0)
        w = z.new_full((batch,), guidance if distilled else 1.0)
        total, weight = torch.zeros_like(z), z.new_zeros(frames, 1)
        for i, span in enumerate(spans):
            x = z[:, span] - t * generator(z[:, span], now, size, w, listened[i])
            if blind:
                x = guided(x, z[:, span] - t * generator(z[:, span], now, size, w, blind[i]), guidance, phi)
            share = overlap_weights(x.shape[1]).to(x)
            total[:, span] += x * share
            weight[span] += share
        x = total / weight
        if style is not None:
            x = grounded(x, style, style_share(strength, t))
        # What is kept stays what it is.
        x = torch.where(conditions.mask > 0, conditions.kept, x)
        velocity = (z - x) / t
        z = z - (t - following) * velocity
        if trajectory is not None:
            trajectory.append(z.clone())
    return z


def unconditional(frames, batch=1):
    """Conditions in which nothing is known."""
    zeros = lambda n: torch.zeros(batch, frames, n)  # noqa: E731
    return Conditions(zeros(frontend.FEATURES), zeros(1), zeros(BEAT), zeros(CHORD), zeros(LATENTS), zeros(1))
