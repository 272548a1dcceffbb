"""Damaged input of every format: a ligand, a failure or an InputError, in bounded time, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES, atom_features, bond_edges
from disco_dock.chem.ligands.read_ligand import read_ligands
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.runtime.errors import InputError
from tests.fuzz.molecules import MOL2, TEMPLATE

TOKENS = [
    "nan",
    "999",
    "-1",
    "*",
    "R#",
    "M  CHG  1",
    "Fe",
    "H",
    "1e300",
    "$$$$\n",
    "\n",
    "ar",
    "V3000",
    "[",
    ")",
    "%99",
]
TOKENS += ["@@", "/", ".", "#", "->", "~", "[nH]", "\0", "é", "@<TRIPOS>MOLECULE\n", "M  END\n", " "]


def seeds() -> dict[str, str]:
    """One valid text per format."""
    mol = Chem.AddHs(Chem.MolFromSmiles(TEMPLATE))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return {
        ".sdf": Chem.MolToMolBlock(mol) + "> <tag>\nvalue\n\n$$$$\n" + Chem.MolToV3KMolBlock(mol) + "$$$$\n",
        ".mol2": 2 * MOL2.decode(),
        ".pdb": Chem.MolToPDBBlock(mol),
        ".smi": "C[C@H](N)C(=O)O ala\nc1ccccc1/C=C/C1CC1[N+](C)(C)C |$;;$| x\nO=P([O-])(OC)Oc1cc[nH]c1\n",
    }


SEEDS = seeds()
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(TOKENS) | st.text(max_size=3)),
    min_size=1,
    max_size=5,
)


def check(path: Path) -> None:
    """Read everything; whatever is a ligand can be featurised."""
    start = time.perf_counter()
    try:
        for found in read_ligands(
            path, largest_fragment=True, template_smiles=TEMPLATE if path.suffix == ".pdb" else None
        ):
            if isinstance(found, LigandFailure):
                assert found.message and "\n" not in found.message
                continue
            assert isinstance(found, Ligand)
            rows = atom_features(found.mol)
            assert ((rows >= 0) & (rows < np.array(ATOM_FEATURE_SIZES))).all()
            bond_edges(found.mol)
            rotatable_bonds(found.mol)
    except InputError as error:
        assert "\n" not in str(error)
    assert time.perf_counter() - start < 5.0


@pytest.mark.parametrize(("suffix", "count"), [(".sdf", 2), (".mol2", 2), (".pdb", 1), (".smi", 3)])
def test_the_undamaged_files_are_read(tmp_path, suffix, count):
    path = tmp_path / f"valid{suffix}"
    path.write_text(SEEDS[suffix])
    found = list(read_ligands(path, template_smiles=TEMPLATE if suffix == ".pdb" else None))
    assert [type(item) for item in found] == [Ligand] * count


@pytest.mark.parametrize("suffix", list(SEEDS))
def test_edited_files(tmp_path, suffix):
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(EDITS)
    def run(edits):
        text = SEEDS[suffix]
        for where, length, replacement in edits:
            position = int(where * len(text))
            text = text[:position] + replacement + text[position + length :]
        path = tmp_path / f"edited{suffix}"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        check(path)

    run()


@pytest.mark.parametrize("suffix", [*SEEDS, ".sdf.gz", ".unknown"])
def test_arbitrary_bytes(tmp_path, suffix):
    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=300))
    def run(data):
        path = tmp_path / f"noise{suffix}"
        path.write_bytes(data)
        check(path)

    run()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="CNOPSFcnos()[]=#+-@/\\123%.HBrl*$: \n", max_size=40))
def test_arbitrary_smiles(text):
    try:
        for found in read_ligands(text):
            assert isinstance(found, Ligand | LigandFailure)
    except InputError as error:
        assert "\n" not in str(error)
