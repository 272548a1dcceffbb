"""Receptor heavy atoms from a structure, and their batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor_atom_features import ATOM_CLASSES, ATOM_NAMES, heavy_atom_features
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.batch import collate
from disco_dock.graph.receptor_atoms import AtomGraphConfig, receptor_atoms, residue_members
from disco_dock.runtime.errors import ConfigError, InputError
from tests.support.graphs import random_graph
from tests.support.structures import Atom, chain, pdb_text


def structure(folder: Path) -> Path:
    """Two residues with a hydrogen, an unusual name and an unusual element."""
    atoms = chain(["GLY", "MSE"])
    atoms.insert(4, Atom("H", "GLY", "A", 1, (0.0, 1.0, 0.0), "H"))
    atoms += [
        Atom("SE", "MSE", "A", 2, (5.0, 5.0, 0.0), "SE"),
        Atom("CG1", "MSE", "A", 2, (6.0, 5.0, 0.0), "C"),
        Atom("XQ", "MSE", "A", 2, (7.0, 5.0, 0.0), "C"),
    ]
    path = folder / "protein.pdb"
    path.write_text(pdb_text(atoms))
    return path


def test_features(tmp_path: Path) -> None:
    receptor = read_receptor(structure(tmp_path))
    heavy, columns = heavy_atom_features(receptor)
    names = [receptor.atom_names[i] for i in heavy]
    assert names == ["N", "CA", "C", "O", "N", "CA", "C", "O", "SE", "CG1", "XQ"]
    assert [RESIDUE_TYPES[i] for i in columns[:, 0]] == ["GLY"] * 4 + ["MET"] * 7
    assert (columns[:, 1] + 1).tolist() == [7, 6, 6, 8, 7, 6, 6, 8, 34, 6, 6]
    assert [ATOM_CLASSES[i] for i in columns[:4, 2]] == ["N*", "CA", "C*", "O*"]
    assert [ATOM_CLASSES[i] for i in columns[8:, 2]] == ["misc", "CG", "misc"]
    assert [ATOM_NAMES[i] for i in columns[8:, 3]] == ["misc", "CG1", "misc"]


def test_unknown_element_and_cadmium(tmp_path: Path) -> None:
    receptor = read_receptor(structure(tmp_path))
    elements = list(receptor.atom_elements)
    elements[0], elements[1] = "Cd", "Xx"
    _, columns = heavy_atom_features(replace(receptor, atom_elements=tuple(elements)))
    assert columns[:2, 1].tolist() == [5, 118]  # read as carbon; not an element


def test_positions_and_edges(tmp_path: Path) -> None:
    receptor = read_receptor(structure(tmp_path))
    origin = receptor.ca_pos.mean(0)
    atoms = receptor_atoms(receptor, origin, AtomGraphConfig(radius=2.0, neighbours=3))
    heavy, _ = heavy_atom_features(receptor)
    np.testing.assert_allclose(atoms.pos.numpy() + origin, receptor.atom_pos[heavy], atol=1e-4)
    source, slot = atoms.neighbour_mask.nonzero().T
    lengths = (atoms.pos[source] - atoms.pos[atoms.neighbour[source, slot]]).norm(dim=1)
    assert len(lengths) and float(lengths.max()) < 2.0


def test_c_alpha_trace_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "trace.pdb"
    path.write_text(pdb_text([atom for atom in chain(["GLY", "ALA", "SER"]) if atom.name == "CA"]))
    receptor = read_receptor(path)
    with pytest.raises(InputError, match="C-alpha atoms only.*full-atom structure") as caught:
        receptor_atoms(receptor, receptor.ca_pos.mean(0), AtomGraphConfig())
    assert "\n" not in str(caught.value)


def test_members_invert_the_residue_of_each_atom() -> None:
    residue = torch.tensor([2, 0, 2, 2, 0])
    index, mask = residue_members(residue, 4)
    assert mask.sum(1).tolist() == [2, 0, 3, 0]
    assert [index[row][mask[row]].tolist() for row in range(4)] == [[1, 4], [], [0, 2, 3], []]


def test_padding_and_copies() -> None:
    graphs = [random_graph(0, residues=5, rec_atoms=3), random_graph(1, residues=8, rec_atoms=4)]
    batch = collate(graphs)
    assert batch.rec_atoms is not None
    assert batch.rec_atoms.mask.sum(1).tolist() == [15, 32]
    assert batch.rec_atoms.member_mask.sum((1, 2)).tolist() == [15, 32]
    for row, graph in enumerate(graphs):
        assert graph.rec_atoms is not None
        torch.testing.assert_close(batch.rec_atoms.pos[row][batch.rec_atoms.mask[row]], graph.rec_atoms.pos)
    copies = collate(graphs[:1]).expand(3)
    assert copies.rec_atoms is not None and copies.rec_atoms.pos.shape == (3, 15, 3)
    assert collate([random_graph(0)]).rec_atoms is None
    with pytest.raises(ValueError, match="receptor atoms"):
        collate([graphs[0], random_graph(1)])


@pytest.mark.parametrize("changes", [{"radius": 0.0}, {"neighbours": 0}])
def test_config(changes: dict) -> None:
    with pytest.raises(ConfigError, match="atom_graph"):
        AtomGraphConfig(**changes)
