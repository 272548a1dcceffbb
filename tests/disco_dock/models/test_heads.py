"""Read-outs: what the torsion head takes from the harmonics, its locality, and degenerate ligands."""

from __future__ import annotations

import math

import torch
from e3nn import o3

from disco_dock.geometry.torsion import apply_torsions
from disco_dock.graph.batch import collate
from disco_dock.models.heads import RigidHead, TorsionHead
from disco_dock.models.layers.irreps import Features
from disco_dock.models.layers.tensor_product import SQRT3
from disco_dock.models.trunk import TrunkConfig
from tests.support.graphs import random_graph, random_pose

CONFIG = TrunkConfig(scalars=4, vectors=2, pseudoscalars=4, layers=3, hidden=5, dropout=0.0, lm_dim=0)
INPUTS = CONFIG.channels(3)


def random_features(batch: int, atoms: int) -> Features:
    return Features.from_flat(torch.randn(batch, atoms, INPUTS.width), INPUTS)


def test_the_odd_vector_of_the_torsion_harmonics() -> None:
    """The 1o part of e3nn's full product of the atom's and the bond's harmonics is sqrt(3/2) (3 (a.b) b - a)."""
    a, b = (torch.nn.functional.normalize(torch.randn(40, 3, dtype=torch.float64), dim=-1) for _ in range(2))
    first, second = o3.Irreps("1x0e+1x1o"), o3.Irreps("1x2e")
    product = o3.FullTensorProduct(first, second).double()
    full = product(
        o3.spherical_harmonics(first, a, True, normalization="component"),
        o3.spherical_harmonics(second, b, True, normalization="component"),
    )
    where = [k for k, entry in enumerate(product.irreps_out) if str(entry.ir) == "1o"]
    odd = full[:, product.irreps_out.slices()[where[0]]]
    ours = math.sqrt(1.5) * (3 * (a * b).sum(-1, keepdim=True) * b - a)
    torch.testing.assert_close(ours, odd)
    assert SQRT3 == math.sqrt(3)


def test_torsion_score_reads_only_atoms_near_the_bond() -> None:
    torch.manual_seed(1)
    graph = random_graph(2, atoms=14, torsions=2)
    batch, pos = collate([graph]), random_pose(graph, 2)[None]
    head, features = TorsionHead(CONFIG, INPUTS).eval(), random_features(1, 14)
    before = head(batch, pos, features)
    middle = pos[0, graph.torsion_bonds].mean(1)
    far = (torch.cdist(pos[0], middle) > CONFIG.ligand_radius).all(1)
    assert far.any() and not far.all()
    changed = features.map(lambda part: torch.where(far.reshape(1, -1, *[1] * (part.ndim - 2)), part + 1.0, part))
    torch.testing.assert_close(head(batch, pos, changed), before)
    everything = features.map(lambda part: part + 1.0)
    assert not torch.allclose(head(batch, pos, everything), before, atol=1e-3)


def test_direction_of_the_bond_does_not_matter() -> None:
    """Only l = 2 harmonics of the bond are read, so u -> v and v -> u give the same number."""
    graph = random_graph(2)
    batch, pos = collate([graph]), random_pose(graph, 2)[None]
    head, features = TorsionHead(CONFIG, INPUTS).eval(), random_features(1, batch.num_atoms)
    swapped = batch.topology._replace(bonds=batch.topology.bonds.flip(-1))
    again = head(type(batch)(**{**vars(batch), "topology": swapped}), pos, features)
    torch.testing.assert_close(again, head(batch, pos, features), atol=1e-5, rtol=1e-4)


def test_a_ligand_without_torsions() -> None:
    graph = random_graph(2, torsions=0)
    batch = collate([graph])
    head = TorsionHead(CONFIG, INPUTS)
    assert head(batch, random_pose(graph, 2)[None], random_features(1, batch.num_atoms)).shape == (1, 0)


def test_a_single_atom_and_zero_features_give_finite_vectors() -> None:
    graph = random_graph(2, atoms=1, torsions=0)
    batch, pos = collate([graph]), torch.zeros(1, 1, 3, requires_grad=True)
    head, time = RigidHead(CONFIG, INPUTS).eval(), torch.zeros(1, CONFIG.time_dim)
    zeros = random_features(1, 1).map(torch.zeros_like)
    for vector in head(batch, pos, zeros, time):
        assert vector.shape == (1, 3) and not vector.any()
    vectors = head(batch, pos, random_features(1, 1), time)
    torch.stack(vectors).sum().backward()
    assert pos.grad is not None and pos.grad.isfinite().all()


def test_rigid_head_does_not_see_where_the_ligand_is() -> None:
    graph = random_graph(2)
    batch, pos = collate([graph]), random_pose(graph, 2)[None]
    head, features, time = RigidHead(CONFIG, INPUTS).eval(), random_features(1, batch.num_atoms), torch.randn(1, 32)
    shifted = head(batch, pos + torch.tensor([3.0, -2.0, 7.0]), features, time)
    for ours, expected in zip(shifted, head(batch, pos, features, time), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-3)
    turned = apply_torsions(pos, batch.topology, torch.ones(1, graph.num_torsions))
    assert float((head(batch, turned, features, time)[0] - shifted[0]).abs().max()) > 1e-4
