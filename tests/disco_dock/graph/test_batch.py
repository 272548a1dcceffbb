"""Padding keeps every complex in its own corner."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from disco_dock.graph.batch import LigandSlots, bond_slots, collate
from disco_dock.graph.receptor_graph import residue_neighbours
from disco_dock.graph.schema import GraphBatch
from tests.support.graphs import random_graph

SIZES = [(5, 8, 1), (9, 14, 3), (4, 1, 0)]


def graphs(lm_dim: int = 0) -> list:
    return [random_graph(k, a, r, torsions=t, lm_dim=lm_dim) for k, (a, r, t) in enumerate(SIZES)]


def tensors(batch: GraphBatch) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        parts = value if isinstance(value, tuple) else (value,)
        found.update({f"{field.name}.{k}": part for k, part in enumerate(parts) if part is not None})
    return found


def test_each_complex_is_in_its_corner() -> None:
    members = graphs(lm_dim=4)
    batch = collate(members)
    assert (batch.size, batch.num_atoms, batch.num_residues) == (3, 9, 14)
    assert batch.lig_mask.sum(1).tolist() == [5, 9, 4]
    assert batch.rec_mask.sum(1).tolist() == [8, 14, 1]
    assert batch.torsion_mask.sum(1).tolist() == [1, 3, 0]
    assert batch.node_mask.tolist() == torch.cat([batch.lig_mask, batch.rec_mask], 1).tolist()
    assert batch.rec_lm is not None
    for row, graph in enumerate(members):
        atoms, residues, torsions = graph.num_atoms, graph.num_residues, graph.num_torsions
        for padded, own in (
            (batch.lig_features[row, :atoms], graph.lig_features),
            (batch.conformer[row, :atoms], graph.conformer),
            (batch.rec_type[row, :residues], graph.rec_type),
            (batch.rec_pos[row, :residues], graph.rec_pos),
            (batch.rec_lm[row, :residues], graph.rec_lm),
            (batch.topology.bonds[row, :torsions], graph.torsion_bonds),
            (batch.topology.moved[row, :torsions, :atoms], graph.torsion_moved),
        ):
            torch.testing.assert_close(padded, own)
        assert not batch.topology.moved[row, torsions:].any() and not batch.topology.moved[row, :, atoms:].any()
        assert not batch.lig_features[row, atoms:].any() and not batch.rec_pos[row, residues:].any()
        index, mask = residue_neighbours(graph.rec_pos)
        width = index.shape[1]
        torch.testing.assert_close(batch.rec_neighbour[row, :residues, :width], index)
        torch.testing.assert_close(batch.rec_neighbour_mask[row, :residues, :width], mask)
        assert not batch.rec_neighbour_mask[row, residues:].any() and not batch.rec_neighbour_mask[row, :, width:].any()


def test_bond_slots_list_every_bond_once() -> None:
    graph = random_graph(3, atoms=8)
    neighbour, kind, mask = bond_slots(graph.bond_index, graph.bond_type, 8)
    found = [(i, int(neighbour[i, s]), int(kind[i, s])) for i, s in mask.nonzero().tolist()]
    target, source = graph.bond_index.tolist()
    assert sorted(found) == sorted(zip(target, source, graph.bond_type.tolist(), strict=True))


def test_single_atom_has_no_bonds_and_no_torsions() -> None:
    batch = collate([random_graph(0, atoms=1, residues=3, torsions=0)])
    assert batch.bond_mask.shape[:2] == (1, 1) and not batch.bond_mask.any()
    assert batch.topology.bonds.shape == (1, 0, 2) and batch.topology.moved.shape == (1, 0, 1)


def test_neighbour_settings_are_used() -> None:
    graph = random_graph(1, residues=14)
    assert collate([graph], neighbours=3).rec_neighbour.shape[2] == 3
    near = collate([graph], radius=4.0).rec_neighbour_mask.sum()
    assert int(near) < int(collate([graph], radius=15.0).rec_neighbour_mask.sum())


def test_expand_shares_memory_and_equals_copies() -> None:
    one = collate(graphs()[:1])
    expanded, copied = one.expand(4), one.repeat_interleave(4)
    assert expanded.size == copied.size == 4
    assert expanded.rec_pos.data_ptr() == one.rec_pos.data_ptr()
    for name, value in tensors(expanded).items():
        torch.testing.assert_close(value, tensors(copied)[name], msg=name)


def test_copies_are_adjacent() -> None:
    batch = collate(graphs())
    copied = batch.repeat_interleave(2)
    assert copied.lig_mask.sum(1).tolist() == [5, 5, 9, 9, 4, 4]
    assert batch.repeat_interleave(1) is batch
    with pytest.raises(ValueError, match="holds 3"):
        batch.expand(2)


def test_moving_to_a_device_keeps_values() -> None:
    batch = collate(graphs())
    moved = tensors(batch.to("cpu"))
    assert set(moved) == set(tensors(batch))
    assert all(torch.equal(value, moved[name]) for name, value in tensors(batch).items())


def test_what_cannot_be_batched() -> None:
    with pytest.raises(ValueError, match="at least one"):
        collate([])
    with_features = random_graph(0, lm_dim=4)
    with pytest.raises(ValueError, match="language-model"):
        collate([with_features, replace(with_features, rec_lm=None)])


def test_least_widths_only_add_padding() -> None:
    members = graphs()
    plain, wide = collate(members), collate(members, slots=LigandSlots(torsions=7, bonds=2))
    assert wide.torsion_mask.shape == (3, 7) and wide.bond_mask.shape == (3, 9, 2)
    assert torch.equal(wide.torsion_mask[:, :3], plain.torsion_mask) and not wide.torsion_mask[:, 3:].any()
    assert torch.equal(wide.topology.mask, wide.torsion_mask)
    assert collate(members, slots=LigandSlots(torsions=1, bonds=1)).torsion_mask.shape == (3, 3)


def test_rows_are_taken_and_blanked() -> None:
    batch = collate(graphs())
    rows = batch.take([2, 0, 0])
    for name, value in tensors(rows).items():
        assert torch.equal(value, tensors(batch)[name][[2, 0, 0]]), name
    left = rows.only(torch.tensor([True, False, True]))
    assert left.node_mask.any(1).tolist() == [True, False, True]
    assert not left.rec_neighbour_mask[1].any() and not left.bond_mask[1].any() and not left.torsion_mask[1].any()
    assert torch.equal(left.lig_mask[2], rows.lig_mask[2]) and torch.equal(left.conformer, rows.conformer)
