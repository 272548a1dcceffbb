"""A ligand of the protein file by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.docking.pocket import reference_of
from disco_dock.docking.runs.bound_ligand import bound_ligand
from disco_dock.docking.runs.inputs import jobs_of_ligands, ligand_reader
from disco_dock.docking.settings import PocketHint
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.notes import cautions

EXAMPLE = Path(__file__).parents[4] / "data" / "examples" / "1uou"


@pytest.fixture(scope="module")
def bound(tmp_path_factory):
    """A protein file with its ligand in it as C:CMU900, and the ligand."""
    mol = Chem.RemoveHs(Chem.MolFromMolFile(str(EXAMPLE / "ligand.sdf")))
    lines = [line for line in (EXAMPLE / "protein.pdb").read_text().splitlines() if line.startswith(("ATOM", "TER"))]
    for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True):
        element, number = atom.GetSymbol().upper(), atom.GetIdx() + 1
        name = f"{element:>2}{number:<2}"
        lines.append(
            f"HETATM{number:>5} {name} CMU C 900    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
        )
    path = tmp_path_factory.mktemp("bound") / "complex.pdb"
    path.write_text("\n".join([*lines, "END", ""]))
    return path, mol


@pytest.mark.parametrize("spec", ["CMU", "cmu", "C:CMU900", "C:CMU:900", "c:cmu:900", "C:900"])
def test_a_name_means_the_bound_ligand_with_its_pose(bound, spec):
    path, mol = bound
    ligand = bound_ligand(path, spec, Chem.MolToSmiles(mol))
    assert ligand.num_atoms == mol.GetNumAtoms() and ligand.source == str(path)
    np.testing.assert_allclose(ligand.pos.mean(0), mol.GetConformer().GetPositions().mean(0), atol=1e-3)
    jobs = jobs_of_ligands(path, spec, ligand_reader(None, False), smiles=Chem.MolToSmiles(mol))
    assert jobs.single.ligand.pos is not None


@pytest.mark.parametrize("spec", ["CCO", "c1ccccc1", "C", "N"])
def test_what_the_file_lacks_is_a_smiles(bound, spec):
    assert bound_ligand(bound[0], spec) is None


def test_a_label_that_the_file_lacks(bound):
    with pytest.raises(InputError, match="has no group B:CMU1; it has C:CMU900"):
        bound_ligand(bound[0], "B:CMU1")


@pytest.mark.parametrize("name", ["GP6", "LIG", "6"])
@pytest.mark.parametrize("record", ["HETATM", "ATOM  "])
def test_a_place_is_taken_everywhere_as_it_is_printed(bound, tmp_path, name, record):
    """Names that end in a digit are printed as A:GP6:910; ATOM records of strange groups are groups too."""
    path, mol = bound
    text = path.read_text().replace("HETATM", record).replace("CMU C 900", f"{name:>3} C 910")
    (tmp_path / "c.pdb").write_text(text)
    receptor = read_receptor(tmp_path / "c.pdb")
    (label,) = [group.label for group in receptor.context]
    assert label == (f"C:{name}910" if name == "LIG" else f"C:{name}:910")
    for spec in (label, f"C:{name}910", f"C:{name}:910", "C:910"):
        ligand = bound_ligand(tmp_path / "c.pdb", spec, Chem.MolToSmiles(mol))
        assert ligand.name == label
        assert read_receptor(tmp_path / "c.pdb", groups=GroupChoice(keep=(spec,))).kept_groups
        hint = PocketHint(ligand=spec)
        np.testing.assert_allclose(reference_of(hint, receptor).mean(0), ligand.pos.mean(0), atol=1e-3)


def test_perceived_bond_orders_are_warned_of(bound):
    pytest.importorskip("openbabel")
    ligand = bound_ligand(bound[0], "CMU")
    assert any("were perceived" in note for note in cautions(ligand.notes))


def test_without_bond_orders_the_remedies_are_named(bound, monkeypatch):
    monkeypatch.setattr("disco_dock.docking.runs.bound_ligand._perceived", lambda block: "")
    with pytest.raises(InputError, match=r"--smiles, or put CMU\.cif"):
        bound_ligand(bound[0], "CMU")
