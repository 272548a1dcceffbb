"""Where a pocket's reference lies, in the formats that other programs take one from."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError
from tests.disco_dock.chem.ligands.test_mol2 import mol2_text
from tests.support.structures import Atom, chain, cif_text, hetero, pdb_text

SMILES = "CC(=O)Nc1ccc(O)cc1"
SHIFT = np.array([12.0, -7.5, 3.25])


@pytest.fixture(scope="module")
def mol():
    mol = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    conformer = mol.GetConformer()
    conformer.SetPositions(conformer.GetPositions() + SHIFT)
    return mol


def xyz(mol, label=lambda atom: atom.GetSymbol(), comment="a comment"):
    lines = [
        f"{label(atom)} {x:.4f} {y:.4f} {z:.4f}"
        for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True)
    ]
    return "\n".join([str(len(lines)), comment, *lines, ""])


def atoms(mol, residue="LIG"):
    """Heavy atoms as records."""
    return [
        Atom(f"{atom.GetSymbol()}{atom.GetIdx()}", residue, "A", 900, tuple(pos), atom.GetSymbol(), hetero=True)
        for atom, pos in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True)
        if atom.GetAtomicNum() != 1
    ]


def pdbqt(mol):
    lines = [
        f"HETATM{place + 1:5d}  {atom.GetSymbol():<3} LIG A 900    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
        f"    +0.000 {kind}"
        for place, (atom, (x, y, z)) in enumerate(zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True))
        for kind in ["HD" if atom.GetSymbol() == "H" else "A" if atom.GetIsAromatic() else atom.GetSymbol()]
    ]
    return "\n".join(["ROOT", *lines, "ENDROOT", "TORSDOF 2", ""])


PROTEIN = chain(["GLY", "ALA", "SER", "VAL", "TRP", "ASP"])
FORMATS = {
    "l.sdf": Chem.MolToMolBlock,
    "v3000.mol": Chem.MolToV3KMolBlock,
    "without hydrogens.sdf": lambda mol: Chem.MolToMolBlock(Chem.RemoveHs(mol)),
    "salt.sdf": lambda mol: Chem.MolToMolBlock(Chem.CombineMols(mol, Chem.MolFromSmiles("[Na+]"))),
    "wrong valences.sdf": lambda mol: Chem.MolToMolBlock(mol).replace("  1  2  1  0", "  1  2  3  0", 1),
    "no suffix": Chem.MolToMolBlock,
    "l.pdb": lambda mol: pdb_text(atoms(mol)),
    "no elements.pdb": lambda mol: "\n".join(line[:66] for line in pdb_text(atoms(mol)).splitlines()),
    "complex.pdb": lambda mol: pdb_text(PROTEIN + hetero("HOH", "A", 901, [("O", "O")]) + atoms(mol)),
    "twice.pdb": lambda mol: pdb_text(
        PROTEIN + atoms(mol) + [one._replace(chain="B", pos=tuple(np.add(one.pos, 40.0))) for one in atoms(mol)]
    ),
    "no suffix either": lambda mol: pdb_text(atoms(mol)),
    "complex.cif": lambda mol: cif_text(PROTEIN + atoms(mol)),
    "l.cif": lambda mol: cif_text(atoms(mol)),
    "l.pdbqt": pdbqt,
    "docked.pdbqt": lambda mol: f"MODEL 1\n{pdbqt(mol)}ENDMDL\nMODEL 2\n{pdbqt(mol)}ENDMDL\n",
    "l.xyz": xyz,
    "numbers.xyz": lambda mol: xyz(mol, lambda atom: atom.GetAtomicNum()),
    "labels.xyz": lambda mol: xyz(mol, lambda atom: f"{atom.GetSymbol()}{atom.GetIdx()}"),
    "comment.xyz": lambda mol: xyz(mol, comment="C 1.0 2.0 3.0"),
    "xyz": xyz,
    "l.mol2": lambda mol: moved(mol2_text(SMILES), mol),
    "l.mol2.gz": lambda mol: gzip.compress(moved(mol2_text(SMILES, hydrogens=False), mol).encode()),
    "zipped.sdf": lambda mol: gzip.compress(Chem.MolToMolBlock(mol).encode()),
    "ends.pdb": lambda mol: pdb_text(atoms(mol)).replace("\n", "\r\n"),
}


def moved(text, mol):
    """A MOL2 record with the positions of a molecule."""
    pos, inside, lines = iter(mol.GetConformer().GetPositions()), False, []
    for line in text.splitlines():
        words = line.split()
        if line.startswith("@"):
            inside = line == "@<TRIPOS>ATOM"
        elif inside:
            line = " ".join([*words[:2], *(f"{value:.4f}" for value in next(pos)), *words[5:]])
        lines.append(line)
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("name", FORMATS)
def test_the_ligand_is_found_where_it_is(tmp_path, mol, name):
    text = FORMATS[name](mol)
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    heavy = Chem.RemoveHs(mol).GetConformer().GetPositions()
    found = reference_positions(path)
    assert len(found) == len(heavy)
    np.testing.assert_allclose(np.sort(found, 0), np.sort(heavy, 0), atol=2e-3)
    box = tmp_path / "box.txt"
    box.write_text(f"receptor = r.pdbqt\nautobox_ligand = {name}\nautobox_add = 4\n")
    np.testing.assert_allclose(read_box(box).size, np.ptp(heavy, 0) + 8, atol=4e-3)


def test_several_molecules_all_count(tmp_path, mol):
    other = Chem.Mol(mol)
    other.GetConformer().SetPositions(mol.GetConformer().GetPositions() + 6.0)
    (tmp_path / "l.sdf").write_text("$$$$\n".join([Chem.MolToMolBlock(mol), Chem.MolToMolBlock(other), ""]))
    assert len(reference_positions(tmp_path / "l.sdf")) == 22


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.smi", "CCO\n", "SMILES have no 3-D coordinates"),
        (
            "l.gro",
            "title\n 1\n    1LIG     C1    1   0.029  -0.019  -0.003\n",
            "is of no format that is read; give PDB",
        ),
        ("l.xyz", "1\n\nH 0 0 0\n", "holds no heavy atom"),
        ("water.pdb", pdb_text(hetero("HOH", "A", 1, [("O", "O")])), "holds no heavy atom"),
        ("drawing.sdf", Chem.MolToMolBlock(Chem.MolFromSmiles(SMILES)), "is a drawing without 3-D coordinates"),
        ("l.mae", "{}", r"ligands in \.mae format are not read"),
        (
            "two.pdb",
            pdb_text(PROTEIN + hetero("LIG", "A", 9, [("C", "C")] * 8) + hetero("INH", "A", 8, [("C", "C")] * 8)),
            "holds a protein and the ligands INH, LIG",
        ),
        ("nan.xyz", "2\n\nC nan 0 0\nC 1 0 0\n", "its coordinates are not those of a ligand"),
        ("bad.mol2", "@<TRIPOS>MOLECULE\nx\n@<TRIPOS>ATOM\n1 C x 0 0 C.3\n", "has no position"),
    ],
)
def test_what_is_no_reference_is_told(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        reference_positions(tmp_path / name)
