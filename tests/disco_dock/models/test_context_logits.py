"""The prior's read-out with context: what it may and may not depend on."""

from __future__ import annotations

import torch

from disco_dock.graph.batch import collate
from disco_dock.latents.spaces import one_hot
from disco_dock.models.node_logits import MASKED
from disco_dock.models.prior import LatentPrior
from disco_dock.training.presets import preset
from tests.support.graphs import random_graph, random_rotation
from tests.support.small_models import randomised


def prior() -> LatentPrior:
    config = preset("tiny").prior
    assert config is not None and config.context
    module = randomised(LatentPrior(config), 3)
    assert isinstance(module, LatentPrior)
    return module


@torch.no_grad()
def logits(module: LatentPrior, graphs, pos, nodes: list[list[int]], position: int) -> torch.Tensor:
    code = one_hot(torch.tensor(nodes), graphs.num_atoms + graphs.num_residues)
    return module(graphs, pos, code, position)


def test_blind_to_the_place_and_orientation_of_the_ligand():
    module, graphs = prior(), collate([random_graph(0)])
    here = logits(module, graphs, graphs.conformer, [[-1, -1]], 0)
    turned = graphs.conformer @ random_rotation(torch.Generator().manual_seed(1)).T + torch.tensor([9.0, 0.0, -3.0])
    assert torch.allclose(here, logits(module, graphs, turned, [[-1, -1]], 0), atol=1e-4)


def test_depends_on_ligand_receptor_and_the_earlier_latent():
    module, graph = prior(), random_graph(0)
    graphs, other = collate([graph]), collate([random_graph(1)])
    first = logits(module, graphs, graphs.conformer, [[-1, -1]], 0)
    assert not torch.allclose(first, logits(module, other, other.conformer, [[-1, -1]], 0), atol=1e-3)
    after = [
        logits(module, graphs, graphs.conformer, [[node, -1]], 1) for node in (0, graph.num_atoms, graph.num_atoms + 5)
    ]
    assert (after[0] - after[1]).abs().max() > 1e-3
    assert (after[1] - after[2]).abs().max() > 1e-3


def test_a_complex_in_a_batch_has_its_own_logits():
    module = prior()
    graphs = [random_graph(0, atoms=7, residues=10), random_graph(1, atoms=9, residues=14)]
    together = collate(graphs)
    code = [[7 + 2, -1], [-1, -1]]
    code[0][0] = together.num_atoms + 3
    both = logits(module, together, together.conformer, code, 1)
    alone = collate(graphs[:1])
    single = logits(module, alone, alone.conformer, [[alone.num_atoms + 3, -1]], 1)
    assert torch.allclose(both[0, :7], single[0, :7], atol=1e-4)
    rows = slice(together.num_atoms, together.num_atoms + 10)
    assert torch.allclose(both[0, rows], single[0, alone.num_atoms :], atol=1e-4)
    assert torch.all(both[0, 7 : together.num_atoms] == MASKED) and torch.all(
        both[0, together.num_atoms + 10 :] == MASKED
    )
