"""Pieces of a protein as complexes: buried, whole, in their place, and gone from the receptor with their neighbours."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.cli.main import main
from disco_dock.data.fragments import APART, BURIED, CONTACT, NEXT, write_fragments
from disco_dock.data.prepare import prepare_all_atoms
from disco_dock.data.sources import SourceFolder

EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "1s3v"


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    (root / "one").mkdir()
    shutil.copy(EXAMPLE / "protein.pdb", root / "one" / "protein.pdb")
    shutil.copy(EXAMPLE / "ligand.sdf", root / "one" / "ligand.sdf")
    return SourceFolder(root)


@pytest.fixture(scope="module")
def pieces(complexes, tmp_path_factory):
    out = tmp_path_factory.mktemp("pieces")
    return SourceFolder(out), write_fragments(complexes.find("one"), out, count=5)


def test_pieces_are_buried_and_in_their_place(complexes, pieces):
    folder, names = pieces
    assert len(names) == 5 == len(set(names))
    whole = read_receptor(complexes.find("one").protein)
    bound = read_ligand(EXAMPLE / "ligand.sdf").pos
    assert bound is not None
    tree = KDTree(whole.atom_pos)
    for name in names:
        source = folder.find(name)
        ligand, receptor = read_ligand(source.ligands[0]), read_receptor(source.protein)
        assert ligand.pos is not None
        distance, atom = tree.query(ligand.pos)
        assert distance.max() < 1e-3 and len(set(atom.tolist())) == len(atom)
        residues = np.unique(whole.atom_residue[atom]).tolist()
        assert name == f"one-{whole.label(residues[0]).replace(':', '')}-{len(residues)}"
        left = {receptor.label(index) for index in range(len(receptor.restype))}
        for residue in range(residues[0] - NEXT, residues[-1] + NEXT + 1):
            if 0 <= residue < len(whole.restype):
                assert whole.label(residue) not in left
        around = KDTree(receptor.atom_pos).query_ball_point(ligand.pos, CONTACT)
        assert sum(map(len, around)) >= BURIED * len(ligand.pos)
        assert KDTree(bound).query(ligand.pos)[0].min() >= APART


def test_pieces_are_training_examples(pieces):
    folder, names = pieces
    for name in names:
        example, facts = prepare_all_atoms(folder.find(name))
        assert example.graph.heavy_atoms is not None and len(example.graph.heavy_atoms.pos) > 100
        assert facts["rung"] != "input" and facts["matching_rmsd"] < 1.0
    smiles = [facts["smiles"] for facts in (prepare_all_atoms(folder.find(name))[1] for name in names)]
    assert all("@" in one for one in smiles if "N[C" in one)


def test_the_same_seed_gives_the_same_pieces(complexes, pieces, tmp_path):
    folder, names = pieces
    again = write_fragments(complexes.find("one"), tmp_path / "again", count=5)
    assert again == names
    for name in names:
        for file in ("protein.pdb", "ligand.sdf"):
            assert (tmp_path / "again" / name / file).read_bytes() == (folder.root / name / file).read_bytes()
    assert write_fragments(complexes.find("one"), tmp_path / "other", count=5, seed=1) != names


def test_the_command(complexes, tmp_path, capsys):
    root = tmp_path / "complexes"
    shutil.copytree(complexes.root, root)
    shutil.copytree(root / "one", root / "bad")
    (root / "bad" / "ligand.sdf").write_text("broken")
    assert main(["data", "fragments", str(root), str(tmp_path / "out"), "--count", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 pieces of 1 proteins" in printed and "1 failures" in printed and "left out: " in printed
    assert len(SourceFolder(tmp_path / "out").names()) == 2
    assert main(["data", "fragments", str(root), str(tmp_path / "none"), "--count", "0"]) == 2
