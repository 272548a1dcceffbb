"""`disco-dock doctor`."""

from __future__ import annotations

from disco_dock.cli.wording import WIDTH
from disco_dock.docking.runs import doctor


def test_problem_gives_status_1_and_its_remedy(disco, monkeypatch):
    found = [
        doctor.Finding(subject="a", level="ok", detail="fine"),
        doctor.Finding(subject="b", level="problem", detail="broken", remedy="repair it"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda checkpoint, device: iter(found))
    done = disco("doctor")
    assert done.status == 1
    assert "b: broken" in done.out and "-> repair it" in done.out and "1 problem found" in done.out


def test_long_findings_are_wrapped_and_packages_share_lines(disco, monkeypatch):
    words = "word " * 60
    found = [doctor.Finding(subject=name, level="ok", detail="1.2.3") for name in doctor.MODULES]
    found.append(doctor.Finding(subject="extras", level="note", detail=words, remedy=words))
    monkeypatch.setattr(doctor, "examine", lambda checkpoint, device: iter(found))
    done = disco("doctor")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("ok       packages: numpy 1.2.3, torch 1.2.3")
    assert any(line.startswith("         -> word") for line in lines)
    assert len(disco("doctor", "-v").out.splitlines()) > len(lines)


def test_healthy_gives_status_0(disco, monkeypatch):
    monkeypatch.setattr(
        doctor, "examine", lambda checkpoint, device: iter([doctor.Finding(subject="a", level="ok", detail="fine")])
    )
    done = disco("doctor")
    assert done.status == 0 and "everything works" in done.out
