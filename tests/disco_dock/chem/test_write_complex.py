"""The docked complex as PDB, read back."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem import write_complex
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.write_complex import write_complex_pdb
from tests.support.structures import chain, cif_text, hetero, pdb_text, residue

PROTEIN = [*chain(["GLY", "ALA", "SER"]), *residue("VAL", "A", -7, 3), *residue("LEU", "A", -7, 4, insertion="B")]
ZINC = hetero("ZN", "A", 301, [("ZN", "ZN")], (3.0, 25.0, 0.0))
OLD_LIGAND = hetero("OLD", "A", 401, [(f"C{k}", "C") for k in range(8)])


@pytest.fixture
def ligand():
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(Cl)cc1"))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    return mol


def receptor(tmp_path, atoms, name="p.pdb"):
    path = tmp_path / name
    path.write_text(cif_text(atoms) if name.endswith(".cif") else pdb_text(atoms))
    return read_receptor(path)


def test_round_trip(tmp_path, ligand):
    before = receptor(tmp_path, PROTEIN + ZINC + OLD_LIGAND)
    write_complex_pdb(tmp_path / "c.pdb", before, ligand)
    after = read_receptor(tmp_path / "c.pdb")
    for field in ("chains", "numbers", "insertions", "names", "atom_names", "atom_elements"):
        assert getattr(after, field) == getattr(before, field), field
    np.testing.assert_allclose(after.atom_pos, before.atom_pos, atol=1e-3)
    groups = {group.name: group for group in after.context}
    assert set(groups) == {"ZN", "LIG"} and groups["LIG"].chain == "L"
    heavy = [atom.GetIdx() for atom in ligand.GetAtoms() if atom.GetAtomicNum() > 1]
    np.testing.assert_allclose(groups["LIG"].pos, ligand.GetConformer().GetPositions()[heavy], atol=1e-3)
    assert list(groups["LIG"].elements) == [ligand.GetAtomWithIdx(k).GetSymbol() for k in heavy]


def test_bonds_of_the_ligand(tmp_path, ligand):
    write_complex_pdb(tmp_path / "c.pdb", receptor(tmp_path, PROTEIN), ligand)
    lines = (tmp_path / "c.pdb").read_text().splitlines()
    serials = [int(line[6:11]) for line in lines if line.startswith("HETATM")]
    bonds = {
        (int(line[6:11]), int(line[start : start + 5]))
        for line in lines
        if line.startswith("CONECT")
        for start in range(11, len(line), 5)
    }
    expected = {(serials[b.GetBeginAtomIdx()], serials[b.GetEndAtomIdx()]) for b in ligand.GetBonds()}
    assert bonds == expected | {(second, first) for first, second in expected}
    again = Chem.MolFromPDBBlock(
        "\n".join(line for line in lines if line.startswith(("HETATM", "CONECT"))), removeHs=False
    )
    assert again.GetNumBonds() == ligand.GetNumBonds()


def test_modified_residues_keep_their_own_name(tmp_path, ligand):
    atoms = residue("GLY", "A", 1, 0) + residue("MSE", "A", 2, 1, hetero=True)
    write_complex_pdb(tmp_path / "c.pdb", receptor(tmp_path, atoms), ligand)
    assert read_receptor(tmp_path / "c.pdb").file_names == ("GLY", "MSE")


def test_long_chain_names_of_mmcif(tmp_path, ligand):
    before = receptor(tmp_path, chain(["GLY", "ALA"], "AAA") + chain(["SER"], "L", offset=20.0), "p.cif")
    write_complex_pdb(tmp_path / "c.pdb", before, ligand)
    assert "REMARK   1 CHAIN AAA OF THE RECEPTOR IS CHAIN a HERE" in (tmp_path / "c.pdb").read_text()
    after = read_receptor(tmp_path / "c.pdb")
    assert after.chains == ("a", "a", "L")
    assert [group.chain for group in after.context if group.name == "LIG"] == ["X"]  # L is taken


def test_serial_numbers_start_again(tmp_path, ligand, monkeypatch):
    monkeypatch.setattr(write_complex, "MAX_SERIAL", 15)
    write_complex_pdb(tmp_path / "c.pdb", receptor(tmp_path, PROTEIN), ligand)
    atoms = [line for line in (tmp_path / "c.pdb").read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert [int(line[6:11]) for line in atoms][:17] == [*range(1, 16), 1, 2]
    assert all(len(line) == 78 for line in atoms)


def test_nothing_is_left_after_a_failure(tmp_path, ligand):
    ligand.RemoveAllConformers()
    with pytest.raises(ValueError, match="[Cc]onformer"):
        write_complex_pdb(tmp_path / "c.pdb", receptor(tmp_path, PROTEIN), ligand)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.pdb"]
