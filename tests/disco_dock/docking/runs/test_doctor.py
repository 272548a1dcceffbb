"""Findings of the doctor."""

from __future__ import annotations

import pytest

from disco_dock.docking import engine
from disco_dock.docking.runs import doctor
from disco_dock.runtime.errors import CheckpointError
from tests.disco_dock.docking.fake_engine import fake_engine


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "check_tables", lambda: doctor.Finding(subject="tables", level="ok", detail="ready"))


def test_healthy(monkeypatch):
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine())
    findings = list(doctor.examine(None, "cpu"))
    assert {finding.subject for finding in findings} >= {"python", "torch", "cache", "device", "tables", "checkpoint"}
    assert findings[-1].subject == "docking" and findings[-1].level == "ok", findings[-1]
    assert not [finding for finding in findings if finding.level == "problem" and finding.subject != "threads"]


def test_healthy_with_language_model_features(monkeypatch):
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine(lm_dim=8))
    assert list(doctor.examine(None, "cpu"))[-1].level == "ok"


def test_missing_checkpoint_has_a_remedy(monkeypatch):
    def missing(checkpoint, device):
        raise CheckpointError("no checkpoint here")

    monkeypatch.setattr(engine, "load_engine", missing)
    last = list(doctor.examine())[-1]
    assert (last.subject, last.level) == ("checkpoint", "problem")
    assert "no checkpoint here" in last.detail and "--checkpoint" in last.remedy


def test_missing_package_is_a_finding(monkeypatch):
    monkeypatch.setitem(doctor.MODULES, "no-such-package", "no_such_package")
    findings = list(doctor.examine())
    bad = next(finding for finding in findings if finding.subject == "no-such-package")
    assert bad.level == "problem" and "pip install" in bad.remedy
    assert findings[-1].detail.startswith("not tested")


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path / "file"))
    finding = doctor.check_cache()
    assert finding.level == "problem" and "DISCO_DOCK_CACHE" in finding.remedy


def test_absent_device():
    assert doctor.check_device("no-such-device").level == "problem"


def test_failing_self_test_is_a_problem():
    def broken(*args, **kwargs):
        raise RuntimeError("kernel\nfailed")

    finding = doctor.self_test(fake_engine(broken))
    assert finding.level == "problem" and finding.detail == "kernel failed"
