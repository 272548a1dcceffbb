"""Poses of other programs: by molecule, in one order of atoms, with their tags."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.ligands.read_poses import atom_order, poses_of_mols, read_poses, sd_tags
from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.runtime.errors import InputError

SMILES = "C[C@H](O)c1ccccc1N"


def conformers(smiles: str = SMILES, count: int = 3) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert len(rdDistGeom.EmbedMultipleConfs(mol, count, randomSeed=3)) == count
    return mol


def write(path, mols, **tags):
    with Chem.SDWriter(str(path)) as writer:
        for number, mol in enumerate(mols):
            mol = Chem.Mol(mol)
            mol.SetProp("_Name", f"pose {number}")
            for name, value in tags.items():
                mol.SetProp(name, value)
            writer.write(mol)
    return path


def test_one_order_of_atoms_whatever_that_of_the_records(tmp_path):
    mol = conformers()
    turned = Chem.RenumberAtoms(mol, list(reversed(range(mol.GetNumAtoms()))))
    path = write(tmp_path / "p.sdf", [mol, turned], minimizedAffinity="-7.25")
    (found,), failures = read_poses([path])
    assert not failures and found.origins == ("p.sdf:1", "p.sdf:2")
    assert np.allclose(found.pos[0], found.pos[1])
    assert [one["minimizedAffinity"] for one in found.tags] == ["-7.25"] * 2


def test_several_molecules_and_records_that_are_no_poses(tmp_path):
    flat = Chem.MolFromSmiles("CCO")
    Chem.rdDepictor.Compute2DCoords(flat)
    path = write(tmp_path / "p.sdf", [conformers(), conformers("CCOC(=O)C"), flat, conformers()])
    found, failures = read_poses([path])
    assert [len(one.pos) for one in found] == [2, 1]
    assert len(failures) == 1 and "p.sdf:3 (pose 2): has no 3-D coordinates" in failures[0].message
    with pytest.raises(InputError, match="no 3-D coordinates"):
        read_poses([write(tmp_path / "flat.sdf", [flat])])
    with pytest.raises(InputError, match="no poses were given"):
        read_poses([])


def test_a_named_ligand_gives_stereo_and_refuses_others(tmp_path):
    other = conformers("C[C@@H](O)c1ccccc1N")
    path = write(tmp_path / "p.sdf", [other, conformers(), conformers("CCOC(=O)C")])
    (found,), failures = read_poses([path], ligand=read_ligand(SMILES))
    assert stereo_kept_each(found.ligand.mol, found.pos).tolist() == [False, True]
    assert len(failures) == 1 and "another molecule than --ligand" in failures[0].message


def test_other_charges_and_bond_orders_are_the_same_molecule():
    acid, salt = Chem.MolFromSmiles("CC(N)C(=O)O"), Chem.MolFromSmiles("[O-]C(=O)C(C)[NH3+]")
    order = atom_order(acid, salt)
    assert order is not None
    assert [salt.GetAtomWithIdx(int(at)).GetSymbol() for at in order] == [one.GetSymbol() for one in acid.GetAtoms()]
    assert atom_order(acid, Chem.MolFromSmiles("CC(N)C(=O)C")) is None
    assert atom_order(acid, Chem.MolFromSmiles("CC(N)CCC")) is None


def test_every_conformer_of_a_molecule_is_a_pose():
    (found,), failures = poses_of_mols([conformers(count=4)])
    assert found.pos.shape == (4, 10, 3) and not failures
    with pytest.raises(InputError, match="no molecule has a conformer"):
        poses_of_mols([Chem.MolFromSmiles("CCO")])


def test_tags_that_would_break_a_file_are_made_harmless():
    text = "\n\n\nM  END\n>  <a>  (1)\n1.5\n> 2\n\n>  <b>\n$$$$$\n"
    assert sd_tags(text) == {"a": "1.5\n > 2", "b": "$$"}


def test_the_ligand_of_a_complex(tmp_path, peptide):
    mol = conformers()
    lines = Chem.MolToPDBBlock(Chem.RemoveHs(mol), confId=1).replace("UNL", "LG1").splitlines()
    atoms = [line[:21] + "B" + line[22:] for line in lines if line.startswith("HETATM")]
    path = tmp_path / "complex.pdb"
    path.write_text(
        "\n".join([*[one for one in peptide.read_text().splitlines() if one.startswith("ATOM")], *atoms, "END", ""])
    )
    with pytest.raises(InputError, match="give the molecule with --ligand"):
        read_poses([path])
    (found,), _ = read_poses([path], ligand=read_ligand(SMILES))
    assert found.pos.shape == (1, 10, 3) and found.origins == ("complex.pdb",)
    assert np.allclose(reference_positions(path), found.pos[0])  # the ligand alone is the pocket, not the residues
