"""The REST API with a fake engine in a real docking process."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pytest

from disco_dock.docking.runs import outputs
from disco_dock.report import page as report_page
from disco_dock.server.records import FILES
from tests.disco_dock.server.serving import ASPIRIN, JOBS, finished, submit, with_bound_ring


@pytest.fixture(scope="module")
def done(client, peptide_bytes):
    """A finished job."""
    answer = submit(client, peptide_bytes, title="My first", trajectory="true")
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{JOBS}/{answer.json()['id']}"
    job = finished(client, answer.json()["id"])
    assert job["state"] == "done", job
    return job


def test_a_job_from_upload_to_poses(client, done):
    assert (done["progress"], done["stage"], done["error"], done["title"]) == (1.0, "done", None, "My_first")
    one = done["complexes"][0]
    assert (one["status"], one["num_poses"], one["name"]) == ("ok", 3, "My_first")
    poses = client.get(f"{JOBS}/{done['id']}/files/poses.sdf")
    assert poses.text.count("$$$$") == 3 and poses.headers["content-type"].startswith("chemical/x-mdl-sdfile")
    table = client.get(f"{JOBS}/{done['id']}/files/results.csv").text
    assert [row["rank"] for row in csv.DictReader(io.StringIO(table))] == ["1", "2", "3"]
    assert done["id"] in {job["id"] for job in client.get(JOBS).json()}
    assert client.get("/v1/health/ready").json() is True


def test_record_names_no_path_of_the_jobs(client, done):
    text = client.get(f"{JOBS}/{done['id']}/files/run.json").text
    assert json.loads(text)["inputs"]["protein"]["path"] == "protein.pdb"
    assert str(client.app.state.queue.store.folder) not in text


def test_white_list_is_what_a_run_writes():
    run = {outputs.POSES, outputs.BEST, outputs.COMPLEX, outputs.TABLE, outputs.RECORD}
    assert set(FILES) == run | {outputs.TRAJECTORY, outputs.SAMPLED, report_page.REPORT}


@pytest.mark.parametrize(
    "name", ["job.json", "nim.json", "..%2F..%2Fjob.json", "%2Fetc%2Fpasswd", "poses.sdf%00", ".lock"]
)
def test_only_files_of_the_list_are_handed_out(client, done, name):
    answer = client.get(f"{JOBS}/{done['id']}/files/{name}")
    assert answer.status_code == 404 and answer.json()["detail"]


@pytest.mark.parametrize("job_id", ["0" * 32, "x", "..%2F..", "A" * 32, "%00"])
def test_unknown_jobs(client, job_id):
    for answer in (
        client.get(f"{JOBS}/{job_id}"),
        client.get(f"{JOBS}/{job_id}/report"),
        client.get(f"{JOBS}/{job_id}/files/poses.sdf"),
        client.post(f"{JOBS}/{job_id}/cancel"),
        client.delete(f"{JOBS}/{job_id}"),
    ):
        assert answer.status_code == 404 and answer.json()["detail"]


def test_same_seed_same_poses_whatever_the_format_and_name(client, done, peptide_bytes):
    data = {"num_poses": "3", "steps": "2", "report": "false", "title": "My first"}
    files = {
        "protein": ("whatever.cif", gzip.compress(peptide_bytes)),
        "ligand": ("a.mol2", f"{ASPIRIN} aspirin\n".encode()),
    }
    other = finished(client, client.post(JOBS, files=files, data=data).json()["id"])
    assert other["state"] == "done", other
    one, two = (
        [line for line in client.get(f"{JOBS}/{job['id']}/files/poses.sdf").text.splitlines() if line.count(".") == 3]
        for job in (done, other)
    )
    assert one == two and len(one) > 30


def test_several_ligands(client, peptide_bytes):
    files = {"ligand": ("l.smi", b"CCO good\nC1CC broken\nCCN\n")}
    job = finished(client, submit(client, peptide_bytes, smiles="", files=files).json()["id"])
    assert job["state"] == "done"
    assert [one["status"] for one in job["complexes"]] == ["ok", "failed", "ok"]
    assert job["complexes"][1]["message"] and job["complexes"][1]["files"] == []
    assert client.get(f"{JOBS}/{job['id']}/files/poses.sdf?complex=3").status_code == 200
    assert client.get(f"{JOBS}/{job['id']}/files/poses.sdf?complex=2").status_code == 404


@pytest.mark.parametrize(
    ("protein", "smiles", "sentence"),
    [
        (b"ATOM  nonsense\n", ASPIRIN, "protein.pdb:"),
        (b"data_x\n#\n", ASPIRIN, "protein.cif"),
        (None, "C1CC", "SMILES"),
        (None, "/etc/passwd", "ligand"),
    ],
)
def test_bad_input_is_one_sentence(client, peptide_bytes, protein, smiles, sentence):
    job = finished(client, submit(client, protein or peptide_bytes, smiles=smiles).json()["id"])
    assert job["state"] == "failed" and job["complexes"] == []
    assert "\n" not in job["error"] and "Traceback" not in job["error"], job["error"]
    assert sentence in job["error"], job["error"]


def test_pocket_and_physics_reach_the_run(client, peptide_bytes):
    fields = {"pocket_center": "1, 2,3", "pocket_radius": "6", "minimize": "none", "rank_by": "confidence", "seed": "5"}
    fields |= {"min_rmsd": "0.5", "num_modes": "1"}
    job = finished(client, submit(client, peptide_bytes, **fields).json()["id"])
    record = client.get(f"{JOBS}/{job['id']}/files/run.json").json()
    assert record["resolved"]["pocket"] == {"center": [1.0, 2.0, 3.0], "radius": 6.0}
    assert record["settings"]["min_rmsd"] == 0.5
    assert record["best"]["num_poses"] == 1 and record["settings"]["num_modes"] == 1
    assert record["settings"]["seed"] == 5 and record["settings"]["physics"]["minimize"] == "none"


def test_poses_are_ranked_by_gninas_network(client, peptide_bytes):
    pytest.importorskip("rustina", reason="rustina is not installed")
    job = finished(client, submit(client, peptide_bytes, rank_by="cnn").json()["id"])
    assert job["state"] == "done", job
    rows = list(csv.DictReader(io.StringIO(client.get(f"{JOBS}/{job['id']}/files/results.csv").text)))
    assert [row["rank_cnn"] for row in rows] == ["1", "2", "3"]
    assert [float(row["cnn"]) for row in rows] == sorted((float(row["cnn"]) for row in rows), reverse=True)
    fused = finished(client, submit(client, peptide_bytes, rank_by="fused").json()["id"])
    assert fused["state"] == "failed" and "no contact score to fuse with" in fused["error"]


def test_a_bound_ligand_is_a_pocket(client, peptide_bytes):
    bound = with_bound_ring(peptide_bytes)
    job = finished(client, submit(client, bound, pocket_group="B:BNZ900").json()["id"])
    record = client.get(f"{JOBS}/{job['id']}/files/run.json").json()
    ring = [line for line in bound.decode().splitlines() if line.startswith("HETATM")]
    middle = [sum(float(line[start : start + 8]) for line in ring) / 6 for start in (30, 38, 46)]
    assert record["resolved"]["pocket"]["center"] == pytest.approx(middle, abs=1e-3)
    assert record["resolved"]["pocket"]["radius"] == 10
    for wrong in ("../../etc", "../x:A", "A:1/../x", "protein.pdb", "B:BNZ901"):
        answer = submit(client, bound, pocket_group=wrong)
        if answer.status_code == 202:
            assert "B:BNZ900" in finished(client, answer.json()["id"])["error"]
        else:
            assert answer.status_code == 422 and answer.json()["field"] == "pocket_group"


def test_cancelled_and_deleted_jobs(client, done, peptide_bytes):
    again = client.post(f"{JOBS}/{done['id']}/cancel").json()
    assert again["state"] == "done"  # nothing to cancel
    job = finished(client, submit(client, peptide_bytes).json()["id"])
    folder = client.app.state.queue.store.path(job["id"])
    assert folder.is_dir()
    assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert client.get(f"{JOBS}/{job['id']}").status_code == 404 and not folder.exists()
