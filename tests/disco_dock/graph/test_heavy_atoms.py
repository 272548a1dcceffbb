"""Heavy atoms of a receptor as a pose expert sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import HeteroGroup
from disco_dock.chem.structures.protein_atoms import KINDS
from disco_dock.data.prepare import read_source
from disco_dock.data.sources import SourceFolder
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


def test_metals_come_along_and_ligands_do_not(tmp_path):
    write_complexes(tmp_path)
    folder = tmp_path / "made0"
    plain = heavy_atoms(read_receptor(folder / "protein.pdb"), np.zeros(3))
    (folder / "hetero.pdb").write_text(ZINC)
    source = SourceFolder(tmp_path).find("made0")
    assert not read_receptor(read_source(source)[1]).context
    receptor = read_receptor(read_source(source, context=True)[1])
    assert [group.kind for group in receptor.context] == ["metal"]
    ligand = HeteroGroup(
        name="ABC", kept=False, chain="A", number=9, insertion="", kind="ligand", elements=("C",), atom_names=("C1",),
        pos=np.zeros((1, 3)),
    )  # fmt: skip
    found = heavy_atoms(replace(receptor, context=(*receptor.context, ligand)), np.zeros(3))
    assert len(found.pos) == len(plain.pos) + 1
    assert KINDS[found.kind[-1]] == "group Zn" and found.residue[-1] == -1


def test_a_group_that_is_the_ligand_itself_does_not_come_along(tmp_path):
    write_complexes(tmp_path)
    source = SourceFolder(tmp_path).find("made0")
    x, y, z = read_source(source)[0].pos[0]
    near = ZINC.replace("  10.000  11.000  12.000", f"{x:8.3f}{y:8.3f}{z + 0.5:8.3f}")
    (tmp_path / "made0" / "hetero.pdb").write_text(near + ZINC.replace("H   1", "H   2"))
    _, structure = read_source(SourceFolder(tmp_path).find("made0"), context=True)
    receptor = read_receptor(structure)
    assert [group.number for group in receptor.context] == [2]
    assert receptor.tally["dropped"]["the ligand itself"] == 1


def test_a_context_file_without_atoms_holds_no_groups(tmp_path):
    write_complexes(tmp_path)
    (tmp_path / "made0" / "hetero.pdb").write_text("END\n")
    _, structure = read_source(SourceFolder(tmp_path).find("made0"), context=True)
    assert not read_receptor(structure).context


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
