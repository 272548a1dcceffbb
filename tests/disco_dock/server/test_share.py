"""Links that open a finished report and nothing else."""

from __future__ import annotations

import pytest
from fastapi import testclient

from disco_dock.server.app import create_app
from tests.disco_dock.server.serving import BASE, JOBS, finished, quick_engine, settings, submit

TOKEN = "a-long-enough-secret"


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    """A client with the token of a server."""
    app = create_app(settings(tmp_path_factory.mktemp("share"), token=TOKEN), quick_engine)
    with testclient.TestClient(app, base_url=BASE, headers={"authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


def test_a_shared_report_needs_no_token_until_it_is_withdrawn(owner, peptide_bytes):
    job = finished(owner, submit(owner, peptide_bytes, report="true").json()["id"])
    assert job["state"] == "done" and job["share"] is None
    key = owner.post(f"{JOBS}/{job['id']}/share").json()["share"]
    assert owner.post(f"{JOBS}/{job['id']}/share").json()["share"] == key
    guest = testclient.TestClient(owner.app, base_url=BASE)
    page = guest.get(f"/shared/{key}")
    assert page.status_code == 200 and "sandbox" in page.headers["content-security-policy"]
    assert page.text == owner.get(f"{JOBS}/{job['id']}/report").text
    for closed in (f"{JOBS}/{job['id']}", f"{JOBS}/{job['id']}/report", JOBS, "/"):
        assert guest.get(closed).status_code == 401
    assert guest.post(f"/shared/{key}").status_code == 401
    assert guest.get(f"/shared/{'0' * 32}").status_code == 404 and guest.get("/shared/é").status_code == 404
    assert owner.delete(f"{JOBS}/{job['id']}/share").json()["share"] is None
    assert guest.get(f"/shared/{key}").status_code == 404


def test_a_job_without_report_is_not_shared(owner, peptide_bytes):
    job = finished(owner, submit(owner, peptide_bytes).json()["id"])
    answer = owner.post(f"{JOBS}/{job['id']}/share")
    assert answer.status_code == 422 and "no report" in answer.json()["detail"]
    assert owner.post(f"{JOBS}/{'0' * 32}/share").status_code == 404
