"""Poses of the bundled checkpoint are the same, bit for bit, from every engine, number of workers and shards.

Also where ligands share network batches, which differ from run to run then.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.docking.settings import PredictSettings
from disco_dock.screening.ledger.identity import ScreenSettings, store_identity
from disco_dock.screening.ledger.merge import merge
from disco_dock.screening.plan import Shard
from disco_dock.screening.screen import run_screen
from disco_dock.screening.workers import ligand_docker
from disco_dock.screening.workers.batching import ONE_PER_BATCH, batch_policy
from disco_dock.screening.workers.inline import InlinePool
from disco_dock.screening.workers.ligand_docker import DockerPlan
from disco_dock.screening.workers.processes import ProcessPool
from disco_dock.weights.networks import bundled_checkpoint, checkpoint_sha256
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
CCCCCO one
CCCC(C)O two
CC(C)CCN three
CCCCCN four
OCC1CCC1 five
CS(=O)(=O)CC six
"""
STEPS = 2


@pytest.fixture(scope="module", params=[10, 2], ids="{}_poses".format)  # two groups of a CPU, a quarter of one
def plan(request, tmp_path_factory) -> DockerPlan:
    protein = tmp_path_factory.mktemp("peptide") / "peptide.pdb"
    write_peptide(protein)
    settings = ScreenSettings(predict=PredictSettings(num_poses=request.param, steps=STEPS))
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
    run_screen(asked(plan, store, library), lambda: InlinePool(plan))
    assert statuses(store) == {"docked": 12, "duplicate": 1, "failed": 1}
    return content(store)


def asked(plan, store, library, **options):
    batching = batch_policy(plan.settings, plan.device)
    return replace(request(store, library, **options), batching=batching)


def test_each_ligand_alone_as_predict_docks_it(plan, library, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(ligand_docker, "batch_policy", lambda *_: ONE_PER_BATCH)
    run_screen(request(tmp_path / "s.sqlite", library), lambda: InlinePool(plan))
    assert content(tmp_path / "s.sqlite") == expected


@pytest.mark.parametrize("workers", [1, 4])
def test_processes(plan, library, expected, tmp_path, workers):
    run_screen(asked(plan, tmp_path / "s.sqlite", library), lambda: ProcessPool(plan, workers, ligand_seconds=600))
    assert content(tmp_path / "s.sqlite") == expected


def test_shards(plan, library, expected, tmp_path):
    stores = [tmp_path / f"{index}.sqlite" for index in (1, 2, 3)]
    for index, store in enumerate(stores, start=1):
        run_screen(asked(plan, store, library, shard=f"{index}/3"), lambda: InlinePool(plan))
    merge(tmp_path / "merged.sqlite", stores)
    assert content(tmp_path / "merged.sqlite") == expected


def test_ray(plan, library, expected, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from disco_dock.screening.workers.ray import RayPool

    monkeypatch.setenv("RAY_worker_niceness", "0")
    engine = RayPool(plan, 2, address=None, device="cpu", ligand_seconds=600)
    run_screen(asked(plan, tmp_path / "s.sqlite", library), lambda: engine)
    assert content(tmp_path / "s.sqlite") == expected
