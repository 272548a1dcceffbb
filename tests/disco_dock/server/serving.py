"""What the tests of the server share: fake engines for real docking processes, and requests; light to import."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from disco_dock.server.settings import ServeSettings

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
JOBS = "/api/v1/jobs"
BASE = "http://127.0.0.1:8000"
PATIENCE = 120.0  # seconds; only a broken server takes so long


def quick_engine():
    """An engine that docks at once."""
    from tests.disco_dock.docking.fake_engine import fake_engine

    return fake_engine()


def slow_dock(models, graph, settings, *, name, on_step):
    """No poses: steps for far longer than any test waits."""
    for step in range(6000):
        time.sleep(0.02)
        on_step(step, 6000)
    raise AssertionError("nobody stopped this")


def slow_engine():
    """An engine that never gets done."""
    from tests.disco_dock.docking.fake_engine import fake_engine

    return fake_engine(dock=slow_dock)


def deadly_dock(models, graph, settings, *, name, on_step):
    """The end of the process for seed 13, as a fault in compiled code would be."""
    from tests.disco_dock.docking.fake_engine import fake_dock

    if settings.seed == 13:
        os._exit(9)
    return fake_dock(models, graph, settings, name=name, on_step=on_step)


def deadly_engine():
    """An engine that takes its process with it."""
    from tests.disco_dock.docking.fake_engine import fake_engine

    return fake_engine(dock=deadly_dock)


def broken_engine():
    """No engine."""
    from disco_dock.runtime.errors import CheckpointError

    raise CheckpointError("checkpoint: is damaged; download it again")


def settings(folder: Path, **changes) -> ServeSettings:
    """Settings with the store in a folder."""
    return ServeSettings(store=folder / "jobs", **changes)


@contextmanager
def listening(folder: Path, load, **changes) -> Iterator[str]:
    """The address of a server that listens on a free port, for clients that are browsers."""
    import uvicorn

    from disco_dock.server.app import create_app

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings(folder, **changes), load), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE)


def with_bound_ring(protein: bytes) -> bytes:
    """A PDB file with a ring of six atoms, BNZ 900 of chain B, 12 Angstrom from its first atom."""
    first = next(line for line in protein.decode().splitlines() if line.startswith("ATOM"))
    x, y, z = (float(first[start : start + 8]) for start in (30, 38, 46))
    lines = []
    for number in range(6):
        angle = number * math.pi / 3
        place = f"{x + 12 + 1.39 * math.cos(angle):8.3f}{y + 1.39 * math.sin(angle):8.3f}{z:8.3f}"
        lines.append(f"HETATM{9000 + number:5d}  C{number + 1}  BNZ B 900    {place}  1.00  0.00           C")
    kept = [line for line in protein.decode().splitlines() if line.startswith(("ATOM", "TER"))]
    return "\n".join([*kept, *lines, "END", ""]).encode()


def submit(client, protein, /, *, smiles=ASPIRIN, files=(), **fields):
    """The answer to a new job of few poses."""
    parts = {"protein": ("p.pdb", protein), **dict(files)}
    data = {"num_poses": "3", "steps": "2", "report": "false", **({"smiles": smiles} if smiles else {}), **fields}
    return client.post(JOBS, files=parts, data=data)


def finished(client, job_id: str) -> dict:
    """The job after it has ended."""
    return until(client, job_id, lambda job: job["state"] in ("done", "failed", "cancelled"))


def until(client, job_id: str, condition) -> dict:
    """The job when it satisfies a condition."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        job = client.get(f"{JOBS}/{job_id}").json()
        if condition(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {job}")
