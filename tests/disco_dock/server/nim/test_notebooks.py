"""Requests in the form of NVIDIA's public notebooks and pages: paths, hosts, headers and bodies as they send them.

Sources: `examples/nims/diffdock/DiffDock_NIM_Docking.ipynb` of github.com/NVIDIA/bionemo-examples,
`src/generative-virtual-screening.ipynb` of github.com/NVIDIA-NIM-Agent-Blueprints/generative-virtual-screening, and
NVIDIA's pages on the hosted API.
"""

from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

BASE_URL = "http://0.0.0.0:8000/"
QUERY_URL = BASE_URL + "/molecular-docking/diffdock/generate"
HEALTH_URL = BASE_URL + "/v1/health/ready"


def molmim_sdf(smiles: str) -> str:
    """An SDF as the notebook's: written by RDKit with hydrogens and without a title."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return Chem.MolToMolBlock(mol) + "$$$$\n"


@pytest.fixture(scope="module")
def protein(peptide_bytes) -> str:
    return peptide_bytes.decode()


def test_the_docking_notebook(client, protein):
    """Four ligands one by one; its cells read `ligand_positions` and `position_confidence`, and the health as text."""
    for smiles in ("Cc1ccc2c(n1)N[C@@H](CC(F)F)C(Nc1ccccc1)=NC2=O", "CCO", "c1ccccc1N", "CC(=O)Nc1ccc(O)cc1"):
        data = {
            "ligand": molmim_sdf(smiles),
            "ligand_file_type": "sdf",
            "protein": protein,
            "num_poses": 10,
            "time_divisions": 20,
            "steps": 18,
            "save_trajectory": False,
            "is_staged": False,
        }
        answer = client.post(QUERY_URL, headers={"Content-Type": "application/json"}, json=data)
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert result["status"] == "success" and len(result["ligand_positions"]) == 10
        assert result["protein"] == protein and result["ligand"] == data["ligand"]
        for geometry in result["ligand_positions"]:
            mol = Chem.MolFromMolBlock(geometry)
            assert Chem.MolToSmiles(mol, isomericSmiles=False) == Chem.CanonSmiles(smiles, useChiral=0)
        assert sorted(result["position_confidence"], reverse=True) == result["position_confidence"]
    assert client.get(HEALTH_URL).text == "true"


def test_the_virtual_screening_notebook(client, protein):
    """Generated SMILES joined by line ends, `num_steps` in place of `steps`; the first pose of each is printed."""
    generated = ["CC(C)(C)[C@H](NC(=O)C(F)(F)F)C(=O)N1CCC1", "CCN", "OCC1CC1"]
    answer = client.post(
        "http://localhost:8000/molecular-docking/diffdock/generate",
        json={
            "protein": protein,
            "ligand": "\n".join(generated),
            "ligand_file_type": "txt",
            "num_poses": 10,
            "time_divisions": 20,
            "num_steps": 18,
        },
    ).json()
    assert answer["status"] == ["success"] * 3
    for smiles, poses in zip(generated, answer["ligand_positions"], strict=True):
        assert Chem.MolToSmiles(Chem.MolFromMolBlock(poses[0]), isomericSmiles=False) == Chem.CanonSmiles(
            smiles, useChiral=0
        )


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/biology/mit/diffdock",
        "/v1/biology/mit/diffdock/generate",
        "/v1/molecular-docking/diffdock/generate",
        "/molecular-docking/diffdock/generate",
    ],
)
def test_hosted_paths_with_a_key(client, protein, path, end):
    headers = {"Authorization": "Bearer nvapi-x", "Accept": "application/json", "NVCF-POLL-SECONDS": "300"}
    body = {
        "protein": protein,
        "ligand": "CCO",
        "ligand_file_type": "txt",
        "num_poses": 1,
        "time_divisions": 20,
        "steps": 18,
    }
    answer = client.post(path + end, headers=headers, json=body, follow_redirects=False)
    assert answer.status_code == 200 and len(answer.json()["ligand_positions"]) == 1


@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize(
    ("path", "key"),
    [("/v1/metadata", "modelInfo"), ("/v1/models", "data"), ("/v1/version", "release"), ("/v1/health/live", None)],
)
def test_what_a_container_tells_of_itself(client, path, key, end):
    answer = client.get(path + end, follow_redirects=False)
    assert answer.status_code == 200
    assert answer.json() is True if key is None else answer.json()[key]


def test_staged_assets_are_refused_in_words(client):
    """The hosted API takes ids of files that were uploaded before; there is no such store here."""
    body = {"protein": "a" * 8 + "-1111-2222-3333-" + "b" * 12, "ligand": "CCO", "is_staged": True}
    answer = client.post(QUERY_URL, json=body)
    assert answer.status_code == 422 and "staged assets are not supported" in answer.json()["detail"]


def test_configurations_of_open_centres(client, protein):
    body = {"protein": protein, "ligand": "CC(F)Cl", "num_poses": 2, "stereo_isomers": 4}
    answer = client.post(QUERY_URL, json=body).json()
    assert answer["status"] == ["success"] * 2
    assert {details.rpartition(" ")[2] for details in answer["details"]} == {"C[C@H](F)Cl", "C[C@@H](F)Cl"}
    assert [len(poses) for poses in answer["ligand_positions"]] == [2, 2]
    one = client.post(QUERY_URL, json=body | {"ligand": "CCO"}).json()
    assert one["status"] == "success" and len(one["ligand_positions"]) == 2


@pytest.mark.parametrize("header", ["SMILES name", "molecule,id", "smiles", "Ligand\tCode"])
def test_headers_of_a_list(client, protein, header):
    body = {"protein": protein, "ligand": f"{header}\nCCO a\nCCN b\n", "num_poses": 1}
    assert client.post(QUERY_URL, json=body).json()["status"] == ["success"] * 2
