"""The interface of NVIDIA's DiffDock NIM, with requests of the shapes that its documentation and clients send."""

from __future__ import annotations

import json
import math

import pytest
from rdkit import Chem

from disco_dock.runtime.errors import InputError
from disco_dock.server.nim.poses import ranking_scores
from disco_dock.server.nim.requests import NimRequest
from tests.disco_dock.server.serving import ASPIRIN

GENERATE = "/molecular-docking/diffdock/generate"
KEYS = {"status", "details", "protein", "ligand", "ligand_positions", "position_confidence", "trajectory"}
PDB = "ATOM      1  N   GLY A   1       7.096   5.474   5.091  1.00  0.00           N  \n"
SDF = Chem.MolToMolBlock(Chem.AddHs(Chem.MolFromSmiles(ASPIRIN))) + "$$$$\n"


@pytest.fixture(scope="module")
def protein(peptide_bytes) -> str:
    """The ATOM lines only, as NVIDIA's examples send them."""
    lines = peptide_bytes.decode().splitlines()
    return "\n".join(line for line in lines if line.startswith("ATOM"))


def documented(protein: str, /, **changes) -> dict:
    """The fields of the script in NVIDIA's documentation."""
    body = {
        "ligand": SDF,
        "ligand_file_type": "sdf",
        "protein": protein,
        "num_poses": 3,
        "time_divisions": 20,
        "steps": 18,
        "save_trajectory": False,
        "is_staged": False,
    }
    return {**body, **changes}


def check_poses(poses, confidence) -> None:
    """SDF texts of aspirin's 13 heavy atoms, a number for each."""
    for text, value in zip(poses, confidence, strict=True):
        mol = Chem.MolFromMolBlock(text, removeHs=False)
        assert mol.GetNumAtoms() == 13 and mol.GetConformer().Is3D() and "V2000" in text
        assert text.endswith("$$$$\n") and math.isfinite(value)


def test_documented_request(client, protein):
    answer = client.post(GENERATE, json=documented(protein))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == KEYS and body["status"] == "success" and body["details"].startswith("success")
    assert body["protein"] == protein and body["ligand"] == SDF
    assert len(body["ligand_positions"]) == 3 and body["trajectory"] == [""] * 3
    check_poses(body["ligand_positions"], body["position_confidence"])


def test_fields_of_other_clients_and_numbers_as_text(client, protein):
    body = {"protein": protein, "ligand": ASPIRIN, "ligand_file_type": "txt", "num_poses": "2", "time_divisions": 20}
    answer = client.post(GENERATE, json={**body, "num_steps": 18, "model": "diffdock-nim", "save_trajectory": True})
    found = answer.json()
    assert answer.status_code == 200 and len(found["ligand_positions"]) == 2
    assert found["trajectory"][0].count("MODEL") == 19 and found["trajectory"][1] == ""


def test_lines_of_smiles_are_a_batch(client, protein):
    ligand = f"{ASPIRIN}\nC1CC\n\n{ASPIRIN} again"
    found = client.post(GENERATE, json=documented(protein, ligand=ligand, ligand_file_type="txt", num_poses=2)).json()
    assert set(found) == KEYS and found["status"] == ["success", "failed", "success"]
    assert found["details"][1] and found["ligand_positions"][1] == ["", ""]
    assert found["position_confidence"][1] == [None, None] and found["ligand"] == ligand
    for number in (0, 2):
        check_poses(found["ligand_positions"][number], found["position_confidence"][number])
    assert found["ligand_positions"][0] == found["ligand_positions"][2]


def test_failure_is_200_with_lists_filled_up(client, protein):
    body = documented(protein, ligand="not a molecule", ligand_file_type="txt", num_poses=4)
    answer = client.post(GENERATE, json=body)
    found = answer.json()
    assert answer.status_code == 200 and set(found) == KEYS and found["status"] == "failed"
    assert found["ligand_positions"] == [""] * 4 and found["position_confidence"] == [None] * 4
    assert found["details"] and "Traceback" not in found["details"]


def test_escaped_line_ends():
    for wrong in (SDF.replace("\n", "\\\n"), SDF.replace("\n", "\\n")):
        request = NimRequest.model_validate(documented(PDB * 2, ligand=wrong)).checked()
        assert request.ligand == SDF
    smiles = r"C/C=C\n1cccc1"  # a bond and an aromatic nitrogen, not a line end
    assert NimRequest(protein=PDB * 2, ligand=smiles).checked().smiles() == [smiles]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"is_staged": True}, "staged assets are not supported"),
        ({"protein": "/etc/passwd.pdb"}, "protein: looks like a path"),
        ({"protein": "6f8e3c1a-0b1d-4c39-9a53-1f2f0c8b7a11"}, "protein: looks like a path"),
        ({"protein": "https://files.rcsb.org/8G43.pdb"}, "protein: looks like a path"),
        ({"ligand": "ligand.sdf"}, "ligand: looks like a path"),
        ({"ligand": "/etc/passwd"}, "ligand: looks like a path"),
        ({"ligand": "CCO\n/data/a.sdf", "ligand_file_type": "txt"}, "ligand: looks like a path"),
        ({"ligand": "6F8E3C1A-0b1d-4c39-9a53-1f2f0c8b7a11", "ligand_file_type": "txt"}, "asset id"),
        ({"steps": 21}, "steps may not be larger"),
        ({"protein": "HEADER only"}, "neither PDB nor mmCIF"),
        ({"ligand": "#\n", "ligand_file_type": "txt"}, "no molecule"),
        ({"ligand_file_type": "smiles"}, "ligand_file_type"),
        ({"num_poses": 101}, "num_poses"),
        ({"protein": None}, "protein"),
    ],
)
def test_refused_requests(idle, changes, sentence):
    client = idle()
    answer = client.post(GENERATE, json=documented(PDB, **changes))
    assert answer.status_code == 422 and sentence in answer.json()["detail"], answer.text
    assert client.app.state.queue.waiting() == []


def test_limits_of_the_owner(idle):
    client = idle(max_ligands=2, max_poses=5)
    many = documented(PDB, ligand="C\nCC\nCCC", ligand_file_type="txt")
    assert "at most 2 ligands" in client.post(GENERATE, json=many).json()["detail"]
    assert "at most 5 poses" in client.post(GENERATE, json=documented(PDB, num_poses=6)).json()["detail"]
    assert client.post(GENERATE, content=b"{", headers={"content-type": "application/json"}).status_code == 422


def test_header_line_and_names_of_a_smiles_file():
    request = NimRequest(protein=PDB, ligand="SMILES name\nCCO ethanol\n# none\nCCN\n")
    assert request.smiles() == ["CCO ethanol", "CCN"] and request.count == 2
    assert request.files()["ligand.smi"] == b"CCO ethanol\nCCN"
    assert json.loads(request.model_dump_json())["num_poses"] == 10
    with pytest.raises(InputError, match="is PDB"):
        NimRequest(protein=PDB, ligand=PDB * 2, ligand_file_type="sdf").files()


def test_ready_only_with_networks(idle):
    client = idle()
    assert client.get("/v1/health/live").json() is True
    answer = client.get("/v1/health/ready")
    assert answer.status_code == 503 and "being loaded" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["//molecular-docking//diffdock/generate", "/v1/biology/mit/diffdock"])
def test_paths_as_clients_write_them(idle, path):
    client = idle()
    answer = client.post(str(client.base_url).rstrip("/") + path, json=documented(PDB, num_poses=101))
    assert answer.status_code == 422 and "num_poses" in answer.json()["detail"]


def test_health_with_a_slash_too_many(idle):
    client = idle()
    address = str(client.base_url).rstrip("/") + "//v1/health/live"
    assert client.get(address).json() is True
    assert client.get(address, headers={"host": "0.0.0.0:8000"}).json() is True


def test_sdf_is_known_without_its_type():
    request = NimRequest(protein=PDB * 2, ligand=SDF).checked()
    assert request.ligand_file_type == "sdf" and request.count is None
    assert "ligand.sdf" in request.files()


def test_several_molecules_of_an_sdf_are_a_batch():
    request = NimRequest(protein=PDB * 2, ligand=SDF * 3, ligand_file_type="sdf").checked()
    assert request.count == 3


def test_confidence_falls_from_pose_to_pose():
    rows = [
        {"contact_score": "2.5", "vina_score": "-7", "confidence": "-1.0"},
        {"contact_score": "1.5", "vina_score": "-8", "confidence": "0.5"},
    ]
    assert ranking_scores(rows) == [2.5, 1.5]
    assert ranking_scores([row | {"contact_score": ""} for row in rows[::-1]]) == [8.0, 7.0]
    assert ranking_scores([{"confidence": "1"}, {"confidence": ""}]) == [1.0, None]
