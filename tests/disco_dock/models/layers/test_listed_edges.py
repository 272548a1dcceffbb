"""Edge lists and padded blocks are two ways to the same features; residues that the ligand cannot see are left out."""

from __future__ import annotations

import pytest
import torch

from disco_dock.graph.batch import collate
from disco_dock.kernels.compiled import available
from disco_dock.models import trunk as trunk_module
from disco_dock.models.layers.receptive_field import needed_residues
from disco_dock.models.trunk import Conditioning
from tests.support.graphs import random_graph, random_pose
from tests.support.small_models import small_models

DESIGNS = ("tiny", "compact", "published")


def inputs(design: str, sizes: tuple[int, int] = (9, 30)):
    trunk = small_models(design).score.trunk
    graphs = [random_graph(seed, residues=size, lm_dim=trunk.config.lm_dim) for seed, size in enumerate(sizes)]
    batch = collate(graphs)
    pos = torch.zeros(2, batch.num_atoms, 3)
    for row, graph in enumerate(graphs):
        pose = random_pose(graph, row)
        pos[row, : len(pose)] = pose
    code = torch.zeros(2, trunk.config.num_latents, batch.num_atoms + batch.num_residues)
    code[:, :, 2] = 1.0
    code[1, 0] = 0.0
    code[1, 0, batch.num_atoms + 3] = 1.0
    condition = Conditioning(t=torch.tensor([0.3, 0.6]), sigma_tr=torch.tensor([0.5, 2.0]), code=code)
    return trunk, batch, pos, condition._replace(null=torch.tensor([0.0, 1.0]))


@pytest.mark.skipif(not available(), reason="no C compiler")
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("gradients", [False, True])
def test_lists_and_blocks_agree(design: str, gradients: bool, monkeypatch) -> None:
    trunk, batch, pos, condition = inputs(design)
    results = []
    for usable in (True, False):
        monkeypatch.setattr(trunk_module, "usable", lambda _, usable=usable: usable)
        trunk.zero_grad()
        with torch.set_grad_enabled(gradients):
            ligand, _ = trunk(batch, pos, condition)
            flat = ligand.flat()[batch.lig_mask]
            if gradients:
                flat.square().sum().backward()
        grads = [p.grad.clone() for p in trunk.parameters() if p.grad is not None]
        results.append([flat.detach(), *grads])
    assert len(results[0]) == len(results[1])
    for ours, expected in zip(*results, strict=True):
        if not expected.numel():
            continue
        scale = float(expected.abs().max().clamp_min(1e-3))
        torch.testing.assert_close(ours / scale, expected / scale, rtol=1e-3, atol=2e-4)


@torch.no_grad()
@pytest.mark.skipif(not available(), reason="no C compiler")
@pytest.mark.parametrize("design", DESIGNS)
def test_leaving_out_unseen_residues_is_exact(design: str, monkeypatch) -> None:
    trunk, batch, pos, condition = inputs(design, (40, 150))
    asked = []

    def watched(*args, **kwargs):
        asked.extend(needed_residues(*args, **kwargs))
        return asked

    monkeypatch.setattr(trunk_module, "needed_residues", watched)
    some = trunk(batch, pos, condition)[0].flat()
    assert any(bool((batch.rec_mask & ~mask).any()) for mask in asked[:-1])
    monkeypatch.setattr(trunk_module, "needed_residues", lambda updates, *_, **__: [batch.rec_mask] * len(updates))
    every = trunk(batch, pos, condition)[0].flat()
    torch.testing.assert_close(some[batch.lig_mask], every[batch.lig_mask], rtol=0, atol=0)


def test_needed_residues_of_a_chain() -> None:
    """Residue k has an edge from k + 1; the ligand touches residue 0."""
    near = torch.tensor([[True, False, False, False, False]])
    neighbour = torch.tensor([[[1], [2], [3], [4], [0]]])
    mask = torch.tensor([[[True], [True], [True], [True], [False]]])
    found = needed_residues([True] * 4, near, neighbour, mask, joint_receptor_edges=True)
    assert [row[0].int().tolist() for row in found] == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    found = needed_residues([True, False, True], near, neighbour, mask, joint_receptor_edges=False)
    assert [row[0].int().tolist() for row in found] == [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
