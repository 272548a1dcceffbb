"""The list of what is refused in docs/files.md is true: each sentence comes from an input."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.conformers import embed
from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.structures import structure_files
from disco_dock.runtime.errors import InputError
from tests.disco_dock.chem.ligands.test_mol2 import mol2_text, without_polar_hydrogens
from tests.support.structures import chain, cif_text, hetero, pdb_text

DOCUMENT = Path(__file__).parents[3] / "docs" / "files.md"
PROTEIN = pdb_text(chain(["GLY", "ALA", "SER"]))
CIF = cif_text(chain(["GLY"]))
TWO = pdb_text(hetero("LIG", "A", 1, [("C1", "C"), ("C2", "C")]))
GROUPS = pdb_text(
    chain(["GLY", "ALA"]) + hetero("LIG", "A", 9, [("C", "C")] * 8) + hetero("INH", "A", 8, [("C", "C")] * 8)
)


@lru_cache(maxsize=8)
def block(smiles):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return Chem.MolToMolBlock(mol)


def bondless():
    lines = block("CC(=O)Nc1ccc(O)cc1").splitlines()
    lines[3] = f"{lines[3][:3]}  0{lines[3][6:]}"
    return "\n".join([*lines[: 4 + int(lines[3][:3])], "M  END", ""])


def at_one_point():
    lines = block("CCO").splitlines()
    return "\n".join([*lines[:5], lines[4][:31] + lines[5][31:], *lines[6:], ""])


SMILES = ["CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "CC[O]", "CC(C)(C)(C)C", "c1cccc1", "C" * 201 + "O", "C", "C(C"]
LIGANDS = [
    ("l.sdf", bondless()),
    ("l.mol2", without_polar_hydrogens(mol2_text("Cc1c[nH]cn1"), [0])),
    ("l.mol2", mol2_text("C[N+](C)(C)C").replace("charge 1", "charge 0")),
    ("l.mol2", mol2_text("CCO").replace(" 1 2 1", " 1 2 un")),
    ("l.sdf", block("CCO").replace(" O   ", " A   ")),
    ("l.sdf", block("CCO").replace(" O   ", " Zn  ")),
    ("l.sdf", block("CCO").replace("  1  2  1  0", "  1  2  9  0")),
    ("l.sdf", at_one_point()),
    ("l.sdf", "\n\n\nnothing\n"),
    ("l.pdb", TWO),
    ("l.mae", "x"),
    ("l.csv", "a,b"),
    ("l.smi", "CCO a\n".encode("utf-16")),
]
STRUCTURES = [
    ("p.pdb", PROTEIN.replace("   0.000   0.000   0.000", " " * 24, 1)),
    ("p.pdb", PROTEIN.replace("GLY A   1", "GLY A   x", 1)),
    ("p.pdb", PROTEIN.replace("   0.000   0.000   0.000", "99999999   0.000   0.000", 1)),
    ("p.pdb", pdb_text(hetero("DA", "A", 1, [("P", "P")]))),
    ("p.pdb", "REMARK\n"),
    ("p.pdb", b"\0\1\2"),
    ("p.pdb.gz", b"\x1f\x8b\x08\x00"),
    ("p.sdf", "x"),
    ("p.cif", "data_x\nloop_\n_atom_site.id\n'a\n"),
    ("p.cif", CIF.replace("Cartn_x", "x")),
    ("p.cif", CIF.replace(" 1 GLY A ", " one GLY A ")),
]
REFERENCES = [
    ("l.smi", "CCO"),
    ("l.sdf", Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))),
    ("l.gro", "x\n"),
    ("l.xyz", "1\n\nH 0 0 0\n"),
    ("c.pdb", GROUPS),
]


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """What is said about each input."""
    folder, found = tmp_path_factory.mktemp("refused"), []

    def refused(call, *args, **options):
        with pytest.raises(InputError) as caught:
            call(*args, **options)
        found.append(str(caught.value))

    def on(content, call, **options):
        name, text = content
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        refused(call, folder / name, **options)

    for smiles in SMILES:
        refused(read_ligand, smiles)
    for content in LIGANDS:
        on(content, read_ligand)
    on(("l.pdb", TWO), read_ligand, template_smiles="CCO")
    refused(embed, read_ligand("CCO").mol, seed=0, time_limit=0.0)
    for content in STRUCTURES:
        on(content, read_receptor)
    on(("p.pdb", PROTEIN), read_receptor, groups=GroupChoice(keep=("A:LIG9",)))
    on(("p.pdb", PROTEIN), read_receptor, chains=("Z",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure_files, "MAX_STRUCTURE_ATOMS", 5)
        on(("p.pdb", PROTEIN), read_receptor)
    for content in REFERENCES:
        on(content, reference_positions)
    return found


def documented():
    """The sentences of the tables as patterns; numbers may be others."""
    text = DOCUMENT.read_text(encoding="utf-8")
    tables = text[text.index("**Ligands** (SDF") : text.index("Restored, with a note:")]
    rows = [row.split(" | ")[-1] for row in tables.splitlines() if row.startswith("| ") and "`" in row]
    return [sentence for row in rows for sentence in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("sentence", documented())
def test_each_sentence_is_said(sentences, sentence):
    pattern = re.sub(r"\d+", r"\\d+", re.escape(sentence)).replace(r"\.\.\.", ".*")
    assert any(re.search(pattern, said) for said in sentences), sentence


def test_nothing_that_is_said_is_missing_there(sentences):
    patterns = [re.sub(r"\d+", r"\\d+", re.escape(one)).replace(r"\.\.\.", ".*") for one in documented()]
    assert len(patterns) > 35
    assert not [said for said in sentences if not any(re.search(pattern, said) for pattern in patterns)]
