"""Poses of AutoDock Vina, with the remarks of Meeko and without."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.ligands.read_poses import read_poses
from disco_dock.runtime.errors import InputError

ATOMS = """\
ROOT
ATOM      1  C   UNL     1       1.000   0.000   0.{shift}0  1.00  0.00     0.100 C
ATOM      2  C   UNL     1       2.500   0.000   0.{shift}0  1.00  0.00     0.100 C
ENDROOT
BRANCH   2   3
ATOM      3  O   UNL     1       3.000   1.300   0.9{shift}  1.00  0.00    -0.400 OA
ATOM      4  H   UNL     1       3.900   1.300   0.{shift}0  1.00  0.00     0.200 HD
ENDBRANCH   2   3
TORSDOF 1
"""
REMARKS = """\
REMARK VINA RESULT:    -{score}      0.000      0.000
REMARK SMILES OCC
REMARK SMILES IDX 3 1 2 2 1 3
REMARK H PARENT 1 4
"""


def models(remarks: str = REMARKS) -> str:
    texts = [remarks.format(score=score) + ATOMS.format(shift=shift) for score, shift in (("3.250", 10), ("2.125", 20))]
    return "".join(f"MODEL {number}\n{text}ENDMDL\n" for number, text in enumerate(texts, start=1))


def test_the_remarks_of_meeko_tell_the_molecule(tmp_path):
    path = tmp_path / "out.pdbqt"
    path.write_text(models())
    (found,), failures = read_poses([path])
    assert not failures and found.ligand.smiles == "CCO"
    assert [atom.GetSymbol() for atom in found.ligand.mol.GetAtoms()] == ["O", "C", "C"]
    assert np.allclose(found.pos[:, 0], [[3.0, 1.3, 0.91], [3.0, 1.3, 0.92]])
    assert [one["vina_result"] for one in found.tags] == ["-3.250", "-2.125"]
    assert found.origins == ("out.pdbqt:1", "out.pdbqt:2")


def test_without_them_the_molecule_is_given(tmp_path):
    path = tmp_path / "out.pdbqt"
    path.write_text(models("REMARK VINA RESULT:    -{score}      0.000      0.000\nREMARK  Name = mine\n"))
    with pytest.raises(InputError, match="holds no bond orders unless Meeko"):
        read_poses([path])
    (found,), _ = read_poses([path], ligand=read_ligand("CCO"))
    assert found.pos.shape == (2, 3, 3) and found.tags[0] == {"vina_result": "-3.250"}
    single = tmp_path / "one.pdbqt"
    single.write_text(ATOMS.format(shift=10))
    (found,), _ = read_poses([single], ligand=read_ligand("CCO"))
    assert found.pos.shape == (1, 3, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MODEL 1\nREMARK nothing\nENDMDL\n", "has no atoms"),
        (models().replace("SMILES IDX 3 1 2 2 1 3", "SMILES IDX 3 1 2 2"), "atom 1 of its SMILES has no place"),
        (models().replace("SMILES OCC", "SMILES OC(C"), "is not readable"),
        (models().replace("   2.500", "   x.500"), "is no atom of a PDBQT file"),
    ],
)
def test_damaged_files_are_told(tmp_path, text, message):
    path = tmp_path / "out.pdbqt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_poses([path])
