"""The fit of a checkpoint's ranking from ids to its config, with rows in place of docking."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from disco_dock.docking.engine import load_engine
from disco_dock.evaluation.fit import ranking as module
from disco_dock.evaluation.fit.judge import cross_fitted, fit_judge, judge_reliability
from disco_dock.evaluation.fit.ranking import RankingSettings, chosen_ids, evidence_losses, fit_ranking
from disco_dock.ranking.judge import HowMade
from disco_dock.runtime.errors import ConfigError
from disco_dock.weights.config import read_config
from tests.support.pose_rows import planted_rows
from tests.support.runs import prior_run

NAMES = ("energy_per_atom", "agreement")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    rows = {"train": planted_rows(60), "validation": planted_rows(40, seed=1), "alone": planted_rows(100, seed=2)}
    by_id = {row.id: row for part in rows.values() for row in part}
    monkeypatch.setattr(
        module, "dock_rows", lambda engine, cases, *rest, **options: [by_id[name] for name in cases.ids]
    )
    for name, part in rows.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(row.id for row in part))
    (tmp_path / "out").mkdir()
    return RankingSettings(
        data=tmp_path,
        train=tmp_path / "train.txt",
        validation=tmp_path / "validation.txt",
        out=tmp_path / "out",
        evidence=NAMES,
        rank_by="consensus",
        moves=7,
    )


@pytest.fixture
def engine(tmp_path):
    shutil.copytree(prior_run() / "checkpoint", tmp_path / "checkpoint")
    return load_engine(tmp_path / "checkpoint", "cpu")


def test_the_judge_comes_into_the_config(engine, settings):
    found = fit_ranking(engine, settings)
    config = read_config(engine.models.directory)
    steps = config.sampler.steps
    made = HowMade(num_poses=40, steps=steps, minimize="vina", moves=7)
    assert config.pose_judge is not None
    assert config.pose_judge.thresholds == fit_judge(planted_rows(60), NAMES, made).thresholds
    assert config.pose_judge.made == made and len(config.pose_judge.reliability) == 4
    assert (config.physics.rank_by, config.physics.minimize, config.physics.moves) == ("consensus", "vina", 7)
    written = json.loads((settings.out / "ranking.json").read_text())
    assert written["ablation"]["complexes"] == 40 and written["judge"]["complexes"] == 60
    assert found["ablation"]["rankings"]["oracle"]["top1_under_2"]["percent"] >= 50


def test_without_training_complexes_it_is_cross_validated(engine, settings):
    settings.train.write_text("nobody reads this")
    found = fit_ranking(engine, replace(settings, train=None, validation=settings.data / "alone.txt"))
    judge = read_config(engine.models.directory).pose_judge
    rows = planted_rows(100, seed=2)
    assert judge is not None and judge.cross_validated and judge.complexes == 100
    assert judge.thresholds == fit_judge(rows, NAMES, judge.made).thresholds
    others = cross_fitted(rows, NAMES, judge.made)
    assert set(others) == {row.id for row in rows}
    without = [row for number, row in enumerate(sorted(rows, key=lambda row: row.id)) if number % 5 != 0]
    first = min(row.id for row in rows)
    assert others[first].thresholds == fit_judge(without, NAMES, judge.made).thresholds != judge.thresholds
    assert judge.reliability == judge_reliability(others, rows, "consensus")
    assert found["ablation"]["complexes"] == 100


def test_ids_of_both_sets_are_refused_before_docking(engine, settings, monkeypatch):
    monkeypatch.setattr(module, "dock_rows", lambda *args, **options: pytest.fail("docked"))
    settings.train.write_text(settings.train.read_text() + "\n1-3")
    with pytest.raises(ConfigError, match=r"1 complexes to fit on are held out for measuring \(1-3\)"):
        fit_ranking(engine, settings)
    assert read_config(engine.models.directory).pose_judge is None


def test_one_complex_of_each_cluster(tmp_path):
    lines = [f"id{number},c{number % 4},,train" for number in range(12)]
    (tmp_path / "manifest.csv").write_text("\n".join(["id,cluster,inchikey,split", *lines]))
    ids = [f"id{number}" for number in range(12)]
    found = chosen_ids(ids, tmp_path / "manifest.csv", 10)
    assert len(found) == 4 and {int(name[2:]) % 4 for name in found} == {0, 1, 2, 3}
    assert chosen_ids(ids[::-1], None, 5) == chosen_ids(ids, None, 5)  # whatever the order of the file


def test_losses_of_evidence_with_one_more_and_one_less():
    losses = evidence_losses(planted_rows(60), NAMES)
    assert len(losses) == 9 and losses["agreement"] > losses["energy_per_atom + agreement"]
