"""Poses of the bundled checkpoint are the same, bit for bit, from every engine, number of workers and shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from disco_dock.models.build import bundled_checkpoint, checkpoint_sha256
from disco_dock.pipeline.request import PredictSettings
from disco_dock.pipeline.self_test import write_peptide
from disco_dock.screening.dock_ligands import DockerPlan
from disco_dock.screening.engine_inline import InlineEngine
from disco_dock.screening.engine_processes import ProcessEngine
from disco_dock.screening.identity import ScreenSettings, store_identity
from disco_dock.screening.merge import merge
from disco_dock.screening.plan import Shard
from disco_dock.screening.screen import run_screen
from tests.support.screening import content, request, statuses

pytestmark = pytest.mark.slow

LINES = """CC(=O)Nc1ccc(O)cc1 paracetamol
CCO ethanol
c1ccc(cc1)CCN amine
OCC again
C(C broken
CC(C)Cc1ccc(cc1)C(C)C(=O)O racemate
C[C@H](N)C(=O)O alanine
CN1CCC[C@H]1c1cccnc1 nicotine
"""
STEPS, POSES = 2, 10  # two groups of a CPU


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> DockerPlan:
    protein = tmp_path_factory.mktemp("peptide") / "peptide.pdb"
    write_peptide(protein)
    settings = ScreenSettings(predict=PredictSettings(num_poses=POSES, steps=STEPS))
    return DockerPlan(
        settings=settings,
        protein=protein,
        checkpoint=None,
        device="cpu",
        identity=store_identity(settings, protein, checkpoint_sha256(bundled_checkpoint()), Shard()),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("library") / "lib.smi"
    path.write_text(LINES)
    return path


@pytest.fixture(scope="module")
def expected(plan, library, tmp_path_factory):
    store = tmp_path_factory.mktemp("one") / "s.sqlite"
    run_screen(request(store, library), lambda: InlineEngine(plan))
    assert statuses(store) == {"docked": 6, "duplicate": 1, "failed": 1}
    return content(store)


@pytest.mark.parametrize("workers", [1, 4])
def test_processes(plan, library, expected, tmp_path, workers):
    run_screen(request(tmp_path / "s.sqlite", library), lambda: ProcessEngine(plan, workers, ligand_seconds=600))
    assert content(tmp_path / "s.sqlite") == expected


def test_shards(plan, library, expected, tmp_path):
    stores = [tmp_path / f"{index}.sqlite" for index in (1, 2, 3)]
    for index, store in enumerate(stores, start=1):
        run_screen(request(store, library, shard=f"{index}/3"), lambda: InlineEngine(plan))
    merge(tmp_path / "merged.sqlite", stores)
    assert content(tmp_path / "merged.sqlite") == expected


def test_ray(plan, library, expected, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from disco_dock.screening.engine_ray import RayEngine

    monkeypatch.setenv("RAY_worker_niceness", "0")
    engine = RayEngine(plan, 2, address=None, device="cpu", ligand_seconds=600)
    run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    assert content(tmp_path / "s.sqlite") == expected
