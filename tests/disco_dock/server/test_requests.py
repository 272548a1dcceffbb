"""What is refused before anything is docked."""

from __future__ import annotations

import gzip

import pytest

from disco_dock.ranking import cnn_score
from tests.disco_dock.server.serving import ASPIRIN, JOBS, submit


def refused(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) <= {"detail", "field"} and isinstance(body["detail"], str) and "\n" not in body["detail"]
    return body["detail"]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"num_pose": "3"}, "num_pose: unknown field"),
        ({"num_poses": "0"}, "num_poses"),
        ({"num_poses": "101"}, "at most 100"),
        ({"num_poses": "many"}, "num_poses"),
        ({"seed": "-1"}, "seed"),
        ({"pocket_center": "1,2"}, "pocket_center"),
        ({"pocket_center": "1,2,nan"}, "finite"),
        ({"pocket_radius": "5"}, "pocket_radius: needs"),
        ({"pocket_center": "1,2,3", "pocket_residues": "A:1"}, "exactly one"),
        ({"pocket_residues": "A:57;rm -rf"}, "pocket_residues"),
        ({"minimize": "gnina"}, "minimize"),
        ({"rank_by": "gnina"}, "rank_by: must be confidence, vina, contacts, consensus, cnn or fused, not gnina"),
        ({"title": "x" * 81}, "title"),
        ({"ligand": "/etc/passwd"}, "text is never taken for a path"),
        ({"smiles": ASPIRIN + "\n" + ASPIRIN}, "one line"),
    ],
)
def test_fields(idle, peptide_bytes, fields, word):
    assert word in refused(submit(idle(), peptide_bytes, **fields), 422)


@pytest.mark.parametrize("rank_by", ["cnn", "fused"])
def test_gninas_network_without_rustina(idle, peptide_bytes, monkeypatch, rank_by):
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: None)
    answer = submit(idle(), peptide_bytes, rank_by=rank_by)
    assert "pip install 'disco-dock[cnn]'" in refused(answer, 422) and answer.json()["field"] == "rank_by"


def test_parts(idle, peptide_bytes):
    client = idle()
    protein = {"protein": ("p.pdb", peptide_bytes)}
    assert "multipart" in refused(client.post(JOBS, json={"protein": "x"}), 415)
    assert "protein: missing" in refused(client.post(JOBS, files={"ligand": ("l", b"C")}), 422)
    assert "one of ligand" in refused(client.post(JOBS, files=protein), 422)
    assert "one of ligand" in refused(client.post(JOBS, files={**protein, "ligand": b"C"}, data={"smiles": "C"}), 422)
    assert "more than once" in refused(client.post(JOBS, files=[*protein.items(), *protein.items()]), 422)
    assert "no file is expected" in refused(client.post(JOBS, files={**protein, "evil": b"x"}), 422)
    assert "protein" in refused(
        client.post(JOBS, files={"x": b""}, data={"protein": "../../etc/passwd", "smiles": "C"}), 422
    )
    many = [("protein", ("p", peptide_bytes))] * 5
    assert "files" in refused(client.post(JOBS, files=many), 400)


@pytest.mark.parametrize(
    ("protein", "word"),
    [(b"", "empty"), (b"hello\n", "neither PDB nor mmCIF"), (b"ATOM  \0", "binary"), (b"\x1f\x8bbroken", "gzip")],
)
def test_what_is_no_protein(idle, protein, word):
    assert word in refused(submit(idle(), protein), 422)


def test_oversized_uploads_and_bombs(idle, peptide_bytes):
    client = idle(max_upload_mb=0.1)
    assert "larger than 0.1 MB" in refused(submit(client, b"ATOM  " * 40_000), 413)
    bomb = gzip.compress(b"ATOM  \n" * 3_000_000)
    assert len(bomb) < 60_000
    assert "larger than 0.1 MB" in refused(submit(client, bomb), 413)
    assert list(client.app.state.queue.store.folder.glob("[0-9a-f]*")) == []

    def endless():  # a body without a length
        yield b"--x\r\nContent-Disposition: form-data; name=protein; filename=p\r\n\r\n"
        for _ in range(100):
            yield b"A" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert "larger" in refused(client.post(JOBS, content=endless(), headers=headers), 413)
    assert submit(client, peptide_bytes).status_code == 202


def test_queue_is_limited(idle, peptide_bytes):
    client = idle(max_queue=2)
    places = [submit(client, peptide_bytes).json()["position"] for _ in range(2)]
    assert places == [1, 2]
    answer = submit(client, peptide_bytes)
    assert "2 jobs are waiting" in refused(answer, 429) and int(answer.headers["retry-after"]) > 0
    first = client.get(JOBS).json()[-1]["id"]
    assert client.post(f"{JOBS}/{first}/cancel").json()["state"] == "cancelled"
    assert submit(client, peptide_bytes).status_code == 202


def test_names_of_clients_never_become_paths(idle, peptide_bytes, tmp_path):
    client = idle()
    name = "../../../../tmp/evil\x07/..\\..\\p<b>.pdb"
    job = client.post(JOBS, files={"protein": (name, peptide_bytes)}, data={"smiles": "C", "title": "../../x"}).json()
    assert "/" not in job["protein"] and "\\" not in job["protein"] and job["title"] == "x"
    folder = client.app.state.queue.store.path(job["id"])
    assert sorted(path.name for path in (folder / "input").iterdir()) == ["ligand.smi", "protein.pdb"]
    assert [path.name for path in tmp_path.iterdir()] == ["jobs"]
    assert len({submit(client, peptide_bytes).json()["id"] for _ in range(3)}) == 3 and len(job["id"]) == 32


def test_openapi_describes_every_route(idle):
    api = idle().get("/openapi.json").json()
    form = api["paths"][JOBS]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["additionalProperties"] is False and {"protein", "ligand", "smiles", "num_poses"} <= set(
        form["properties"]
    )
    assert {"/molecular-docking/diffdock/generate", "/v1/health/ready", f"{JOBS}/{{job_id}}/report"} <= set(
        api["paths"]
    )
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            good = [status for status in route["responses"] if status.startswith("2")]
            assert good and route["summary"], (path, method)
    assert api["paths"][JOBS]["post"]["responses"]["429"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "Problem"
    )
