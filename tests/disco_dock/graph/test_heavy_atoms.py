"""Heavy atoms of a receptor as a pose expert sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.chem.read_receptor import read_context, read_receptor
from disco_dock.chem.receptor import HeteroGroup
from disco_dock.chem.structures.protein_atoms import KINDS
from disco_dock.graph.heavy_atoms import heavy_atoms
from disco_dock.runtime.errors import InputError
from tests.support.complexes import write_complexes

ZINC = "HETATM    1 ZN    ZN H   1      10.000  11.000  12.000  1.00  0.00          ZN  \n"


@pytest.fixture
def receptor(tmp_path):
    write_complexes(tmp_path)
    return read_receptor(tmp_path / "made0" / "protein.pdb")


def test_atoms_of_a_peptide(receptor):
    atoms = heavy_atoms(receptor, receptor.ca_pos.mean(0))
    names = [KINDS[kind] for kind in atoms.kind.tolist()]
    alphas = torch.tensor([name.endswith(" CA") for name in names])
    expected = torch.from_numpy(receptor.ca_pos - receptor.ca_pos.mean(0)).float()
    torch.testing.assert_close(atoms.pos[alphas], expected)
    assert atoms.residue.max() == len(receptor.restype) - 1 and torch.all(atoms.side.norm(dim=1) <= 1.01)
    pos = atoms.pos.double()
    counted = (torch.cdist(pos, pos) < 6.0).sum(1) - 1
    assert torch.equal(atoms.crowd, counted)


def test_a_carbonyl_points_away_from_its_carbon(receptor):
    atoms = heavy_atoms(receptor, np.zeros(3))
    names = [KINDS[kind].split()[1] for kind in atoms.kind.tolist()]
    oxygen = names.index("O")
    carbon = max(index for index in range(oxygen) if names[index] == "C")
    offset = atoms.pos[oxygen] - atoms.pos[carbon]
    torch.testing.assert_close(atoms.side[oxygen], offset / offset.norm(), atol=0.01, rtol=0)


def test_metals_come_along_and_ligands_do_not(receptor, tmp_path):
    plain = heavy_atoms(receptor, np.zeros(3))
    (tmp_path / "hetero.pdb").write_text(ZINC)
    context = read_context(tmp_path / "hetero.pdb")
    assert [group.kind for group in context] == ["metal"]
    ligand = HeteroGroup(
        name="ABC", kept=False, chain="A", number=9, insertion="", kind="ligand", elements=("C",), atom_names=("C1",),
        pos=np.zeros((1, 3)),
    )  # fmt: skip
    found = heavy_atoms(replace(receptor, context=(*context, ligand)), np.zeros(3))
    assert len(found.pos) == len(plain.pos) + 1
    assert KINDS[found.kind[-1]] == "group Zn" and found.residue[-1] == -1


def test_a_context_file_without_atoms_holds_no_groups(tmp_path):
    (tmp_path / "hetero.pdb").write_text("END\n")
    assert read_context(tmp_path / "hetero.pdb") == ()


def test_a_trace_is_refused(receptor):
    alphas = [name == "CA" for name in receptor.atom_names]
    trace = replace(
        receptor,
        atom_pos=receptor.atom_pos[alphas],
        atom_names=tuple(name for name in receptor.atom_names if name == "CA"),
        atom_elements=("C",) * sum(alphas),
        atom_residue=receptor.atom_residue[alphas],
    )
    with pytest.raises(InputError, match="holds C-alpha atoms only"):
        heavy_atoms(trace, np.zeros(3))


def test_near_keeps_what_is_close(receptor):
    atoms = heavy_atoms(receptor, np.zeros(3))
    centre = atoms.pos[:1]
    near = atoms.near(centre, 4.0)
    assert 0 < len(near.pos) < len(atoms.pos)
    assert len(near.pos) == int(((atoms.pos - centre).norm(dim=1) < 4.0).sum())
