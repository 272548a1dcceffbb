"""A pose against a known one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.interactions.reference import Reference, lddt_pli, read_reference
from disco_dock.runtime.errors import InputError

FOLDER = Path(__file__).parents[3] / "data" / "examples" / "1ia1"


@pytest.fixture(scope="module")
def known():
    mol = read_reference(FOLDER / "ligand.sdf")
    return mol, PocketContacts(read_receptor(FOLDER / "protein.pdb.gz"), mol.GetConformer().GetPositions())


def moved(mol: Chem.Mol, by: float) -> Chem.Mol:
    other = Chem.Mol(mol)
    other.GetConformer().SetPositions(np.ascontiguousarray(mol.GetConformer().GetPositions() + (by, 0.0, 0.0)))
    return other


def test_the_reference_itself_and_a_shifted_pose(known):
    mol, pocket = known
    reference = Reference(mol, pocket)
    same = reference.compare(Chem.AddHs(mol, addCoords=True), fingerprint(find_interactions(mol, pocket)))
    assert (same.rmsd, same.lddt_pli, same.contacts_recovered) == (0.0, 1.0, 1.0)
    shifted = moved(mol, 3.0)
    off = reference.compare(shifted, fingerprint(find_interactions(shifted, pocket)))
    assert off.rmsd == pytest.approx(3.0, abs=0.5) and 0 < off.lddt_pli < 0.8 and off.contacts_recovered < 1.0


def test_atoms_in_another_order_are_the_same_pose(known):
    mol, pocket = known
    order = list(reversed(range(mol.GetNumAtoms())))
    turned = Chem.RenumberAtoms(mol, order)
    assert Reference(mol, pocket).compare(turned, ()).rmsd == pytest.approx(0.0, abs=1e-9)


def test_another_molecule_is_refused(known):
    mol, pocket = known
    with pytest.raises(InputError, match="is not the docked one"):
        Reference(mol, pocket).compare(Chem.MolFromSmiles("CCO"), ())


def test_reference_without_coordinates(tmp_path):
    (tmp_path / "flat.smi").write_text("CCO\n")
    with pytest.raises(InputError, match="no 3-D coordinates"):
        read_reference(tmp_path / "flat.smi")


def test_lddt_counts_contacts_that_the_reference_lacks():
    receptor = np.array([[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]])
    reference, away = np.array([[3.0, 0.0, 0.0]]), np.array([[17.0, 0.0, 0.0]])
    assert lddt_pli(reference, reference, receptor) == 1.0
    assert lddt_pli(away, reference, receptor) == 0.0
    assert lddt_pli(reference + 0.7, reference, receptor) == pytest.approx(0.75)
