"""Random numbers of training batches, keyed by (seed, step, complex): the same however a batch is shared out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.perturb import Draws, draw
from disco_dock.runtime.random import generator


def generators(examples: Sequence[TrainingExample], purpose: str, seed: int, step: int) -> list[torch.Generator]:
    """One stream per complex."""
    return [generator(purpose, seed, step, example.name) for example in examples]


def uniform_rows(streams: Sequence[torch.Generator], copies: int) -> Tensor:
    """(complexes * copies,) in [0, 1), copies adjacent."""
    return torch.cat([torch.rand(copies, generator=stream) for stream in streams])


def noise_draws(
    examples: Sequence[TrainingExample], streams: Sequence[torch.Generator], copies: int, torsions: int
) -> Draws:
    """Numbers of a noising for complexes * copies rows, torsions padded with zeros."""
    parts = [
        draw(copies, example.graph.num_torsions, stream) for example, stream in zip(examples, streams, strict=True)
    ]
    tor = torch.zeros(len(examples) * copies, torsions)
    for number, part in enumerate(parts):
        tor[number * copies : (number + 1) * copies, : part.tor.shape[1]] = part.tor
    return Draws(
        tr=torch.cat([part.tr for part in parts]),
        axis=torch.cat([part.axis for part in parts]),
        angle=torch.cat([part.angle for part in parts]),
        tor=tor,
    )


def node_uniform(
    examples: Sequence[TrainingExample],
    streams: Sequence[torch.Generator],
    copies: int,
    latents: int,
    padded: tuple[int, int],
) -> Tensor:
    """(complexes * copies, latents, atoms + residues) in [0, 1), padded nodes at one half.

    Args:
        examples: complexes.
        streams: one per complex.
        copies: rows per complex.
        latents: pointers.
        padded: atoms and residues of the batch.
    """
    out = torch.full((len(examples) * copies, latents, sum(padded)), 0.5)
    for number, (example, stream) in enumerate(zip(examples, streams, strict=True)):
        atoms, residues = example.graph.num_atoms, example.graph.num_residues
        drawn = torch.rand(copies, latents, atoms + residues, generator=stream)
        rows = out[number * copies : (number + 1) * copies]
        rows[:, :, :atoms] = drawn[:, :, :atoms]
        rows[:, :, padded[0] : padded[0] + residues] = drawn[:, :, atoms:]
    return out


def normal_rows(streams: Sequence[torch.Generator], copies: int, dims: int) -> Tensor:
    """(complexes * copies, dims) standard normal numbers."""
    return torch.cat([torch.randn(copies, dims, generator=stream) for stream in streams])
