"""What a file holds before it is docked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.server.previews import previewer
from disco_dock.server.previews.previewer import Previewer
from tests.disco_dock.server.serving import ASPIRIN

EXAMPLES = Path(__file__).parents[3] / "data" / "examples"
PROTEIN, LIGAND = "/api/v1/preview/protein", "/api/v1/preview/ligand"


def ligand(client, **fields):
    """The answer to a form of text fields."""
    return client.post(LIGAND, files={name: (None, value) for name, value in fields.items()} or {"x": (None, "")})


@pytest.fixture(scope="module")
def protein(client):
    """Two chains, two cofactors, a bound ligand."""
    content = (EXAMPLES / "1ia1" / "protein.pdb.gz").read_bytes()
    return client.post(PROTEIN, files={"protein": ("p.pdb.gz", content)}).raise_for_status().json()


def test_chains_residues_and_groups(protein):
    receptor = read_receptor(EXAMPLES / "1ia1" / "protein.pdb.gz")
    assert [(one["name"], one["residues"]) for one in protein["chains"]] == [("A", 192), ("B", 192)]
    assert protein["residues"] == [receptor.label(index) for index in range(len(receptor.names))]
    assert [(one["id"], one["kind"]) for one in protein["groups"]] == [
        ("A:TQ3:194", "ligand"),
        ("A:NDP193", "cofactor"),
        ("B:NDP195", "cofactor"),
    ]
    assert [one["kept"] for one in protein["groups"]] == [False, True, True]


def test_atoms_of_the_view_belong_to_their_places(protein):
    lines = [line for line in protein["pdb"].splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert all(line[76:78].strip() != "H" for line in lines)
    places = [*protein["residues"], *(one["id"] for one in protein["groups"])]
    starts = np.array([*protein["starts"], *(one["start"] for one in protein["groups"])])
    order = np.argsort(starts)
    for line in lines:
        owner = places[order[np.searchsorted(starts[order], int(line[6:11]), side="right") - 1]]
        assert owner.replace(":", "") == f"{line[21]}{line[17:20].strip()}{line[22:26].strip()}", line


def test_a_molecule_is_drawn_for_light_and_dark_pages(client):
    answer = ligand(client, smiles=f"{ASPIRIN} aspirin").json()
    one = answer["molecules"][0]
    assert (one["name"], one["heavy_atoms"], one["weight"], one["warnings"]) == ("aspirin", 13, 180.2, [])
    assert one["light"].startswith("<svg") and one["dark"].startswith("<svg") and one["light"] != one["dark"]


def test_many_molecules_and_those_that_cannot_be_read(client):
    text = "".join(f"{'C' * number} n{number}\n" for number in range(2, 12)) + "C1CC broken\n"
    answer = client.post(LIGAND, files={"ligand": ("l.smi", text.encode())}).json()
    assert answer["count"] == 10 and len(answer["molecules"]) == 6
    assert len(answer["failures"]) == 1 and "broken" in answer["failures"][0]


def test_large_ligands_are_a_warning(client):
    answer = ligand(client, smiles="C" * 40).json()
    assert "40 heavy atoms" in answer["molecules"][0]["warnings"][0]


@pytest.mark.parametrize(
    ("fields", "field", "word"),
    [
        ({"smiles": "C1CC"}, "smiles", "not a readable SMILES"),
        ({"smiles": "CCO.[Na+]"}, "smiles", '"Strip salts" (largest_fragment)'),
        ({"smiles": ""}, None, "give one of"),
        ({"smiles": "C", "seed": "1"}, "seed", "not expected here"),
    ],
)
def test_errors_name_their_field(client, fields, field, word):
    answer = ligand(client, **fields)
    body = answer.json()
    assert answer.status_code == 422 and word in body["detail"] and body.get("field") == field, body


def test_a_salt_with_strip_salts(client):
    answer = ligand(client, smiles="CCO.[Na+]", largest_fragment="true").json()
    assert answer["molecules"][0]["smiles"] == "CCO"


def test_swapped_files_are_recognised(client):
    content = (EXAMPLES / "1uou" / "protein.pdb").read_bytes()
    answer = client.post(LIGAND, files={"ligand": ("p.pdb", content)})
    assert answer.status_code == 422 and "is a protein" in answer.json()["detail"]
    assert answer.json()["field"] == "ligand"
    molecule = (EXAMPLES / "1uou" / "ligand.sdf").read_bytes()
    answer = client.post(PROTEIN, files={"protein": ("l.sdf", molecule)})
    assert answer.status_code == 422 and answer.json()["field"] == "protein"


def test_what_takes_too_long_is_given_up(monkeypatch, peptide_bytes):
    monkeypatch.setattr(previewer, "SECONDS", 0.0)
    monkeypatch.setattr("disco_dock.runtime.capped_worker.START_SECONDS", 0.0)
    own = Previewer(max_ligands=1)
    try:
        with pytest.raises(previewer.InputError, match="protein: cannot be shown"):
            own.protein(peptide_bytes)
    finally:
        own.close()


def test_who_waits_too_long_for_a_turn_is_told(monkeypatch, peptide_bytes):
    monkeypatch.setattr(previewer, "PATIENCE", 0.01)
    own = Previewer(max_ligands=1)
    with own._turn, pytest.raises(previewer.BusyError, match="try again"):
        own.protein(peptide_bytes)
