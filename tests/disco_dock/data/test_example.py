"""Packing of examples into small integers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.data.build import build
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.example import LIGAND_STEP, pack, unpack
from disco_dock.data.prepare import prepare
from disco_dock.data.shards import read_index
from disco_dock.runtime.errors import InputError
from tests.support.complexes import write_complexes
from tests.support.shards import made_up_dataset


@given(st.tuples(*[st.floats(-250, 250)] * 3), st.floats(0.1, 10))
def test_poses_far_from_the_centre_keep_their_precision(shift, scale):
    example = made_up_dataset()[0]
    spread = example.pos_crystal - example.pos_crystal.mean(0)
    pos = spread * min(scale, 60.0 / float(spread.abs().max())) + torch.tensor(shift)
    again = unpack("moved", pack(replace(example, pos_crystal=pos, pos_matched=pos + 1.0)))
    assert (again.pos_crystal - pos).abs().max() <= 0.51 * LIGAND_STEP + 1e-4
    assert (again.pos_matched - pos - 1.0).abs().max() <= 0.51 * LIGAND_STEP + 1e-4


def test_packing_twice_changes_nothing():
    first = made_up_dataset()[1]
    again = unpack(first.name, pack(first))
    assert (again.pos_matched - first.pos_matched).abs().max() <= LIGAND_STEP
    assert torch.equal(again.graph.rec_pos, first.graph.rec_pos)
    assert torch.equal(again.graph.torsion_moved, first.graph.torsion_moved)


def test_ligand_without_rotatable_bonds():
    example = made_up_dataset()[0]
    graph = replace(
        example.graph,
        torsion_bonds=torch.zeros(0, 2, dtype=torch.long),
        torsion_moved=torch.zeros(0, example.graph.num_atoms, dtype=torch.bool),
    )
    again = unpack("rigid", pack(replace(example, graph=graph))).graph
    assert again.torsion_bonds.shape == (0, 2) and again.torsion_moved.shape == (0, graph.num_atoms)


@pytest.mark.parametrize("value", [1e4, float("nan")])
def test_coordinates_out_of_range_are_named(value):
    example = made_up_dataset()[0]
    rec_pos = example.graph.rec_pos.clone()
    rec_pos[0, 0] = value
    with pytest.raises(InputError, match=rf"{example.name}: coordinates reach beyond"):
        pack(replace(example, graph=replace(example.graph, rec_pos=rec_pos)))


def test_one_complex_out_of_range_does_not_end_the_build(tmp_path):
    write_complexes(tmp_path / "complexes")

    def far(source):
        example, facts = prepare(source)
        shift = 1e4 if source.name == "made1" else 0.0
        return replace(example, graph=replace(example.graph, rec_pos=example.graph.rec_pos + shift)), facts

    summary = build(tmp_path / "complexes", tmp_path / "shards", prepare=far)
    assert (summary.complexes, summary.failures) == (2, 1)
    (failure,) = read_index(tmp_path / "shards" / "part-00000.safetensors")["failures"]
    assert failure["id"] == "made1" and "coordinates reach beyond" in failure["reason"]
    dataset = ComplexDataset(tmp_path / "shards")
    assert [dataset[number].name for number in range(2)] == dataset.ids
