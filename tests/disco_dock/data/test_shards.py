"""From files to shards and back: what is stored, what is said about damage, and that builds repeat and resume."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.data.build import build, shuffled
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.example import LIGAND_STEP, RECEPTOR_STEP, pack, unpack
from disco_dock.data.prepare import prepare
from disco_dock.data.shards import index_path, read_index, write_part
from disco_dock.data.sources import SourceFolder, read_ids
from disco_dock.runtime.errors import InputError
from tests.support.complexes import write_complexes
from tests.support.shards import made_up_dataset, made_up_shards


@pytest.fixture
def complexes(tmp_path):
    write_complexes(tmp_path / "complexes")
    return tmp_path / "complexes"


def test_example_survives_packing(complexes):
    example, facts = prepare(SourceFolder(complexes).find("made1"))
    again = unpack(example.name, pack(example))
    for name in ("lig_features", "bond_index", "bond_type", "torsion_bonds", "torsion_moved", "rec_type", "rec_chain"):
        assert torch.equal(getattr(again.graph, name), getattr(example.graph, name)), name
    assert (again.graph.rec_pos - example.graph.rec_pos).abs().max() <= 0.51 * RECEPTOR_STEP
    for name in ("pos_matched", "pos_crystal"):
        assert (getattr(again, name) - getattr(example, name)).abs().max() <= 0.51 * LIGAND_STEP + 1e-5, name
    assert facts["atoms"] == again.graph.num_atoms and facts["residues"] == again.graph.num_residues


def test_example_is_in_the_frame_of_the_files(complexes):
    example, facts = prepare(SourceFolder(complexes).find("made0"))
    receptor = read_receptor(complexes / "made0" / "protein.pdb")
    ligand = read_ligand(complexes / "made0" / "ligand.sdf")
    assert ligand.pos is not None
    origin = receptor.ca_pos.mean(0)
    np.testing.assert_allclose(example.pos_crystal.numpy(), ligand.pos - origin, atol=1e-4)
    rmsd = (example.pos_matched - example.pos_crystal).square().sum(-1).mean().sqrt()
    assert float(rmsd) == pytest.approx(facts["matching_rmsd"], abs=1e-3)
    assert facts["matching_rmsd"] < 1.0


def test_dataset_reads_every_complex():
    dataset = made_up_dataset()
    assert sorted(dataset.ids) == ["made0", "made1", "made2"]
    atoms, residues = dataset.sizes()
    for number, name in enumerate(dataset.ids):
        example = dataset[number]
        assert example.name == name
        assert (example.graph.num_atoms, example.graph.num_residues) == (atoms[number], residues[number])


def test_dataset_filters():
    assert ComplexDataset(made_up_shards(), ["made2"]).ids == ["made2"]
    with pytest.raises(InputError, match="no finished shards"):
        ComplexDataset(made_up_shards(), max_residues=5)


def test_part_pickles_without_its_arrays():
    dataset = made_up_dataset()
    _ = dataset[0]
    assert len(pickle.dumps(dataset)) < 5_000
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[1].pos_crystal, dataset[1].pos_crystal)


def test_build_repeats_byte_for_byte_and_keeps_finished_parts(complexes, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    assert build(complexes, first).complexes == 3
    build(complexes, second)
    for file in sorted(first.iterdir()):
        assert file.read_bytes() == (second / file.name).read_bytes()
    stamp = (first / "part-00000.safetensors").stat().st_mtime_ns
    build(complexes, first)
    assert (first / "part-00000.safetensors").stat().st_mtime_ns == stamp
    index_path(first / "part-00000.safetensors").unlink()  # killed before the index was written
    build(complexes, first)
    assert (first / "part-00000.safetensors").read_bytes() == (second / "part-00000.safetensors").read_bytes()


def test_failures_are_kept_with_their_reason(complexes, tmp_path):
    (complexes / "made1" / "protein.pdb").write_text("nothing")
    shutil.rmtree(complexes / "made2")
    summary = build(complexes, tmp_path / "out", ids=["made0", "made1", "made2"])
    assert (summary.complexes, summary.failures) == (1, 2)
    reasons = {row["id"]: row["reason"] for row in read_index(tmp_path / "out" / "part-00000.safetensors")["failures"]}
    assert "protein.pdb" in reasons["made1"] and "no such folder" in reasons["made2"]


def test_damaged_files_are_named(tmp_path):
    shards = tmp_path / "shards"
    shutil.copytree(made_up_shards(), shards)
    part = shards / "part-00000.safetensors"
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(InputError, match=r"part-00000\.safetensors.*damaged"):
        _ = ComplexDataset(shards)[0]
    index_path(part).write_text("{")
    with pytest.raises(InputError, match=r"part-00000\.json"):
        ComplexDataset(shards)
    index_path(part).write_text(json.dumps({"format": 99}))
    with pytest.raises(InputError, match="format 99"):
        ComplexDataset(shards)


def test_order_depends_on_the_set_only():
    ids = [f"c{number}" for number in range(50)]
    assert shuffled(ids) == shuffled(list(reversed(ids)) + ids)
    assert shuffled(ids) != ids


def test_split_file(tmp_path):
    (tmp_path / "ids.txt").write_text("a\n\n b \n")
    assert read_ids(tmp_path / "ids.txt") == ["a", "b"]
    (tmp_path / "empty.txt").write_text("\n")
    for name in ("empty.txt", "absent.txt"):
        with pytest.raises(InputError, match=name):
            read_ids(tmp_path / name)


def test_pdbbind_names(complexes):
    folder = complexes / "made0"
    (folder / "protein.pdb").rename(folder / "made0_protein_processed.pdb")
    (folder / "ligand.sdf").rename(folder / "made0_ligand.sdf")
    assert SourceFolder(complexes).find("made0").ligands[0].name == "made0_ligand.sdf"
    (folder / "made0_ligand.sdf").unlink()
    with pytest.raises(InputError, match="made0"):
        SourceFolder(complexes).find("made0")


def deadly(source):
    """Prepare a complex, or die with it as a fault in a library does."""
    if source.name == "made1":
        os._exit(11)
    return prepare(source)


def test_a_complex_that_kills_its_process_is_a_failure(complexes, tmp_path):
    summary = build(complexes, tmp_path / "out", workers=2, prepare=deadly)
    assert (summary.complexes, summary.failures) == (2, 1)
    assert 'made1,"the process that prepared it died' in (tmp_path / "out" / "failures.csv").read_text()
    assert not list((tmp_path / "out").glob("*.current"))


def test_unexpected_errors_of_libraries_are_failures(complexes, tmp_path):
    def odd(source):
        if source.name == "made0":
            raise np.linalg.LinAlgError("singular\nmatrix")
        return prepare(source)

    assert build(complexes, tmp_path / "out", prepare=odd).failures == 1
    table = (tmp_path / "out" / "failures.csv").read_text()
    assert table == "id,reason\nmade0,unexpected LinAlgError: singular matrix\n"


def test_shards_of_other_complexes_are_not_overwritten(complexes, tmp_path):
    build(complexes, tmp_path / "out", ids=["made0", "made1"])
    with pytest.raises(InputError, match="other complexes, such as made0"):
        build(complexes, tmp_path / "out", ids=["made1", "made2"])
    assert build(complexes, tmp_path / "out").complexes == 3


def test_parts_of_another_recipe_are_built_again(complexes, tmp_path):
    build(complexes, tmp_path / "out")
    index = tmp_path / "out" / "part-00000.json"
    original = index.read_bytes()
    index.write_text(json.dumps({**json.loads(original), "recipe": "older"}))
    build(complexes, tmp_path / "out")
    assert index.read_bytes() == original


def test_only_what_is_asked_for_is_read():
    dataset = made_up_dataset()
    arrays = dataset.arrays(1, "residues", "chains")
    assert set(arrays) == {"residues", "chains"}
    np.testing.assert_array_equal(arrays["residues"], dataset[1].graph.rec_type.numpy())


def test_ligand_without_torsions_at_the_end_of_a_part(tmp_path):
    example = made_up_dataset()[0]
    rigid = replace(
        example.graph,
        torsion_bonds=torch.zeros(0, 2, dtype=torch.long),
        torsion_moved=torch.zeros(0, example.graph.num_atoms, dtype=torch.bool),
    )
    part = tmp_path / "part-00000.safetensors"
    packed = [pack(example), pack(replace(example, graph=rigid))]
    facts = [{"id": name, "atoms": 1, "residues": 1} for name in ("bends", "rigid")]
    write_part(part, packed, facts, [], recipe="test")
    assert ComplexDataset(tmp_path)[1].graph.num_torsions == 0
    assert torch.equal(ComplexDataset(tmp_path)[0].graph.torsion_moved, example.graph.torsion_moved)
