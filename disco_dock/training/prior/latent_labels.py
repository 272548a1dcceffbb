"""The frozen encoder's distribution over nodes for every complex, computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.graph.batch import collate
from disco_dock.runtime.random import generator
from disco_dock.training.earlier_stages import part_hashes
from disco_dock.training.kept_tensors import KeptTensors, compute_kept
from disco_dock.weights.networks import Models

PART_SIZE = 512  # complexes


@torch.no_grad()
def latent_labels(
    models: Models, dataset: ComplexDataset, folder: Path, on_part: Callable[[int, int], None] | None = None
) -> KeptTensors:
    """(latents, atoms + residues) logits of the encoder on the crystal pose, by number of the complex.

    Args:
        models: with the encoder of node pointers.
        dataset: all its complexes.
        folder: keeps the result; made again only with another encoder.
        on_part: called with (finished parts, all parts).
    """
    encoder = models.encoder
    assert encoder is not None
    encoder.eval()

    def compute(number: int) -> Tensor:
        example = dataset[number]
        graphs = collate([example.graph]).to(models.device)
        return encoder(graphs, example.pos_crystal.unsqueeze(0).to(models.device))[0].float().cpu()

    weights = {"weights": part_hashes(models, ("encoder",))}
    return compute_kept(dataset, range(len(dataset)), folder, weights, compute, on_part, part_size=PART_SIZE)


def drawn_once(logits: Tensor, name: str, seed: int) -> Tensor:
    """(latents,) int64 nodes drawn from the encoder's distribution, always the same for a complex.

    Source: DisCo-Diff (arXiv:2407.03300), App. D.2, extracts latents with a Gumbel-softmax that is all but hard.
    """
    probability = logits.double().softmax(-1)
    return torch.multinomial(probability, 1, generator=generator("label", seed, name)).squeeze(-1)
