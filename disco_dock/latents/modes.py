# pyright: basic
"""The most probable codes of an autoregressive prior, and where its latents point on the whole."""

from __future__ import annotations

import heapq
import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from disco_dock.latents.autoregressive import NextLogits, next_log_probabilities

MAX_PREFIXES = 32
"""Prefixes per latent that `marginals` follows; the rest of a flat prior is left to those that were."""


def most_probable_codes(
    next_logits: NextLogits,
    *,
    num_latents: int,
    count: int,
    inverse_temperature: float = 1.0,
    mask: Bool[Tensor, " vocab"] | None = None,
    forced: tuple[int, ...] = (),
) -> tuple[Int[Tensor, "found latents"], Float[Tensor, " found"]]:
    """The codes (found, latents) of the highest joint probability, best first, and their log probabilities (found,).

    Best-first search: a code is never more probable than its prefix, so the first `count` complete codes that come off
    the queue are the best ones. The prior is asked once per prefix that is more probable than the last of them.

    Args:
        next_logits: the prior, asked with one prefix at a time.
        num_latents: of a code.
        count: codes wanted; fewer are returned where fewer are allowed.
        inverse_temperature: factor on the logits.
        mask: (vocab,) bool of allowed entries, or None.
        forced: entry of each of the first latents, -1 where it is free.

    Raises:
        ValueError: `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"count must be positive, got {count}")
    forced = (*forced, *([-1] * (num_latents - len(forced))))
    queue: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    codes: list[tuple[int, ...]] = []
    scores: list[float] = []
    while queue and len(codes) < count:
        cost, prefix = heapq.heappop(queue)
        if len(prefix) == num_latents:
            codes.append(prefix)
            scores.append(-cost)
            continue
        log_p = _next(next_logits, prefix, inverse_temperature, mask)
        wanted = forced[len(prefix)]
        last = len(prefix) == num_latents - 1
        best = log_p.topk(min(count, len(log_p)) if last else len(log_p)).indices.tolist()
        costs = (cost - log_p).tolist()
        for entry in best if wanted < 0 else [wanted]:
            if wanted >= 0 or mask is None or bool(mask[entry]):
                heapq.heappush(queue, (costs[entry], (*prefix, entry)))
    index = torch.tensor(codes, dtype=torch.long).reshape(len(codes), num_latents)
    return index, torch.tensor(scores, dtype=torch.float64)


def marginals(
    next_logits: NextLogits,
    *,
    num_latents: int,
    inverse_temperature: float = 1.0,
    mask: Bool[Tensor, " vocab"] | None = None,
    max_prefixes: int = MAX_PREFIXES,
) -> Float[Tensor, "latents vocab"]:
    """(latents, vocab) float64 probability of every entry of each latent, over the earlier ones.

    The first row is exact; later rows are sums over the `max_prefixes` most probable prefixes, normalised to one.

    Args:
        next_logits: the prior, asked with one prefix at a time.
        num_latents: of a code.
        inverse_temperature: factor on the logits.
        mask: (vocab,) bool of allowed entries, or None.
        max_prefixes: prefixes to follow for each latent.
    """
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    rows = []
    for _ in range(num_latents):
        log_p = torch.stack([_next(next_logits, prefix, inverse_temperature, mask) for _, prefix in beam])
        joint = torch.tensor([score for score, _ in beam], dtype=torch.float64)[:, None] + log_p.cpu()
        share = torch.exp(joint - joint.logsumexp((0, 1)))
        rows.append(share.sum(0))
        best = joint.flatten().topk(min(max_prefixes, joint.numel()))
        width = joint.shape[1]
        beam = [
            (score, (*beam[place // width][1], place % width))
            for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            if math.isfinite(score) and (mask is None or bool(mask[place % width]))
        ]
    return torch.stack(rows) if rows else torch.zeros(0, 0, dtype=torch.float64)


def _next(next_logits: NextLogits, prefix: tuple[int, ...], inverse: float, mask: Tensor | None) -> Tensor:
    """(vocab,) log probabilities of the entry after a prefix."""
    index = torch.tensor([prefix], dtype=torch.long).reshape(1, len(prefix))
    logits = next_logits(index, len(prefix))
    return next_log_probabilities(logits, inverse, None if mask is None else mask[None])[0]
