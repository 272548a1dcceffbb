"""Rankings of the same poses, counted by hand."""

from __future__ import annotations

from disco_dock.evaluation.fit.ablation import ablation, ablation_table
from disco_dock.evaluation.fit.pose_rows import PoseRow
from disco_dock.ranking.judge import HowMade, PoseJudge, ThresholdWeights

MADE = HowMade(num_poses=3, steps=20, minimize="vina", moves=100)
AGREEMENT = PoseJudge(
    evidence=("agreement",),
    thresholds=(ThresholdWeights(threshold=2.0, intercept=0.0, weights=(1.0,)),),
    made=MADE,
    complexes=50,
    poses=150,
)


def row(name: str, rmsd: tuple[float, ...], *, kept: tuple[bool, ...] = (True,) * 3) -> PoseRow:
    """The first pose is best by confidence, the second by energy, the third by agreement."""
    return PoseRow(
        id=name,
        atoms=10,
        rmsd=rmsd,
        energy=(-5.0, -9.0, -6.0),
        confidence=(3.0, 1.0, 2.0),
        stereo_kept=kept,
        near=((2,), (2,), (0, 1)),
    )


def test_each_ranking_finds_its_own_pose():
    rows = [
        row("a", (1.0, 9.0, 9.0)),
        row("b", (9.0, 1.0, 9.0)),
        row("c", (9.0, 1.0, 4.0)),
        row("d", (9.0, 9.0, 1.0)),
        PoseRow(id="failed", error="unreadable"),
    ]
    found = ablation(rows, AGREEMENT)
    top = {name: rates["top1_under_2"]["percent"] for name, rates in found["rankings"].items()}
    assert top == {"confidence": 20.0, "vina": 40.0, "consensus": 20.0, "oracle": 80.0}
    assert found["rankings"]["consensus"]["top1_under_5"]["percent"] == 40.0
    assert found["rankings"]["vina"]["top5_under_2"]["percent"] == 80.0
    assert found["lead_over_vina"]["oracle"]["top1_under_2"]["points"] == 40.0
    assert found["chance"] == {"top1_under_2": 26.7, "top1_under_5": 33.3}
    assert (found["complexes"], found["failures"]) == (5, 1)
    columns, lines = ablation_table(found)
    assert [line[0] for line in lines] == ["chance", "confidence", "vina", "consensus", "oracle"]
    assert all(len(line) == len(columns) for line in lines) and lines[2][1].startswith("40.0 % [")


def test_what_is_not_known_does_not_rank():
    rows = [PoseRow(id="a", atoms=9, rmsd=(1.0, 3.0), energy=(0.0, -1.0), stereo_kept=(True, True), near=((), ()))]
    assert set(ablation(rows, None)["rankings"]) == {"vina", "oracle"}


def test_changed_stereo_comes_last_in_every_ranking():
    found = ablation([row("a", (9.0, 1.0, 9.0), kept=(True, False, True))], AGREEMENT)
    assert found["rankings"]["vina"]["top1_under_2"]["percent"] == 0.0
    assert found["rankings"]["oracle"]["top1_under_2"]["percent"] == 100.0
