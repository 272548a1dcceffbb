"""A client of a server whose docking process has a fake engine."""

from __future__ import annotations

import pytest

testclient = pytest.importorskip("fastapi.testclient", reason="fastapi or httpx is not installed")

from disco_dock.docking.runs.self_test import write_peptide  # noqa: E402
from disco_dock.server.app import create_app  # noqa: E402
from tests.disco_dock.server.serving import BASE, quick_engine, settings  # noqa: E402


@pytest.fixture(scope="session")
def peptide_bytes(tmp_path_factory) -> bytes:
    """PDB file of a ten-residue peptide."""
    path = tmp_path_factory.mktemp("peptide") / "p.pdb"
    write_peptide(path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """A client of a working server, the same for all tests."""
    app = create_app(settings(tmp_path_factory.mktemp("serve")), quick_engine)
    with testclient.TestClient(app, base_url=BASE) as opened:
        yield opened


@pytest.fixture
def idle(tmp_path):
    """A maker of clients whose jobs are never begun: the queue is not started."""

    def make(**changes):
        app = create_app(settings(tmp_path, **changes), quick_engine)
        return testclient.TestClient(app, base_url=BASE)

    yield make
