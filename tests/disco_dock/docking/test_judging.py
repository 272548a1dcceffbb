"""Which probabilities and ranks poses get, and what is said where they do not apply."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.symmetry import automorphisms
from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.docking.judging import check_physics, judge_poses, recurrence
from disco_dock.docking.pose_search import Minima
from disco_dock.docking.refinement import RefinedPoses
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.physics.settings import NO_PHYSICS, PhysicsChoice, PhysicsSettings
from disco_dock.ranking.confidence_calibration import Calibration, ThresholdCalibration
from disco_dock.ranking.judge import HowMade, PoseJudge, ThresholdWeights
from disco_dock.ranking.reliability import measure_reliability
from disco_dock.runtime.errors import ConfigError
from disco_dock.sampling.initial import StartPoses
from disco_dock.sampling.latent_choice import LatentChoice
from disco_dock.sampling.restraint import PocketRestraint
from disco_dock.sampling.sample import DockedPoses, DockingSettings

VINA = PhysicsSettings(minimize="vina", moves=100, rank_by="vina")
ENERGY = np.array([-5.0, -9.0, -7.0])
MEASURED = tuple(
    measure_reliability([np.array([0.2, 0.8])], [np.array([False, True])], threshold=2.0, which=which)
    for which in ("all", "first")
)
JUDGE = PoseJudge(
    evidence=("energy_gap", "confidence"),
    thresholds=(
        ThresholdWeights(threshold=2.0, intercept=0.5, weights=(-1.0, 0.1)),
        ThresholdWeights(threshold=5.0, intercept=1.5, weights=(-0.5, 0.0)),
    ),
    made=HowMade(num_poses=3, steps=20, minimize="vina", moves=100),
    complexes=99,
    poses=297,
    reliability=MEASURED,
)
CALIBRATION = Calibration(
    complexes=8,
    poses=64,
    thresholds=(ThresholdCalibration(threshold=2.0, slope=2.0, intercept=-1.0, ece=0.01, brier=0.1, base_brier=0.2),),
)


def test_a_pose_recurs_where_other_searches_found_it_too():
    ligand = read_ligand("c1ccccc1O")
    pos = embed(ligand.mol, seed=0).pos
    flipped = pos[[4, 3, 2, 1, 0, 5, 6]]  # turned over, it is the same molecule
    poses = np.stack([pos, pos + 20.0])
    minima = Minima(
        np.stack([pos, flipped + 0.1, pos + 0.2, pos + 20.5]), np.log([4.0, 2.0, 1.0, 1.0]), np.array([0, 1, 1, 2])
    )
    assert np.sqrt(((flipped - pos) ** 2).sum(1).mean()) > 1
    found = recurrence(ligand, poses, minima, automorphisms(ligand.mol))
    assert found.weight == pytest.approx([7 / 8, 1 / 8])
    assert found.searches == pytest.approx([2 / 3, 1 / 3])


@pytest.fixture(scope="module")
def ligand():
    return read_ligand("CC(=O)Nc1ccc(O)cc1")


def config(**changes: Any) -> Any:
    known = {
        "sampler": SamplerConfig(),
        "latent_inverse_temperature": 1.0,
        "guidance": GuidanceConfig(),
        "calibration": CALIBRATION,
        "pose_judge": JUDGE,
        "physics": VINA,
    }
    return SimpleNamespace(**{**known, **changes})


def verdict(
    ligand,
    physics: PhysicsSettings = VINA,
    *,
    settings: DockingSettings | None = None,
    contacts: np.ndarray | None = None,
    **changes: Any,
):
    """On three poses of which the second has the lowest energy and the third the highest confidence."""
    base = embed(ligand.mol, seed=0).pos
    pos = base[None] + np.array([0.0, 1.0, 9.0])[:, None, None]
    logit = np.array([0.0, 1.0, 2.0])
    docked = DockedPoses(
        pos=pos,
        latent_nodes=np.zeros((3, 0), dtype=np.int64),
        latent_log_prob=np.zeros(3),
        confidence=logit,
        logits=logit[:, None],
    )
    refined = RefinedPoses.unchanged(pos)
    if physics.scores:
        refined = replace(refined, score=ENERGY, energy=ENERGY, contacts=contacts, minimised=physics.minimize != "none")
    chosen = DockingSettings(num_poses=3, sampler=SamplerConfig()) if settings is None else settings
    return judge_poses(config(**changes), ligand, docked, refined, physics, chosen)


def test_sampled_poses_get_the_calibrated_probability(ligand):
    found = verdict(ligand, NO_PHYSICS)
    np.testing.assert_allclose(found.near, 1 / (1 + np.exp(1 - 2 * np.array([0.0, 1.0, 2.0]))))
    assert found.far is None and set(found.scores) == {"confidence"} and found.reliability[0].complexes == 8
    assert "calibrated; measured on 64 poses of 8 held-out complexes" in found.notes[0]


def test_minimised_poses_get_the_probability_of_the_judge(ligand):
    found = verdict(ligand)
    np.testing.assert_allclose(found.near, 1 / (1 + np.exp(-np.array([-3.5, 0.6, -1.3]))))
    np.testing.assert_allclose(found.far, 1 / (1 + np.exp(-np.array([-0.5, 1.5, 0.5]))))
    ranks = {name: rank.tolist() for name, rank in found.ranks(np.ones(3, dtype=bool)).items()}
    assert ranks == {"confidence": [3, 2, 1], "vina": [3, 1, 2], "consensus": [3, 1, 2]}
    assert found.score is not None and found.score.tolist() == (-ENERGY).tolist()
    assert found.reliability == MEASURED
    text = "\n".join(found.notes)
    assert "not a binding affinity" in text and "first-ranked poses of 1 held-out" in text
    assert "fitted on 99 training complexes" in text and "made otherwise" not in text


def test_changed_stereo_ranks_last_by_every_score(ligand):
    ranks = verdict(ligand).ranks(np.array([True, False, True]))
    assert all(rank[1] == 3 for rank in ranks.values())


def test_reliability_of_first_poses_is_of_the_ranking_it_was_measured_with(ligand):
    found = verdict(ligand, replace(VINA, rank_by="consensus"))
    assert [one.which for one in found.reliability] == ["all"]
    assert found.score is not None and found.score.argmax() == 1


@pytest.mark.parametrize(
    ("physics", "settings", "told"),
    [
        (replace(VINA, moves=7), {}, "7 search moves in place of 100"),
        (VINA, {"num_poses": 5}, "5 poses in place of 3"),
        (VINA, {"sampler": SamplerConfig(steps=9)}, "9 steps in place of 20"),
        (
            VINA,
            {"pocket": PocketRestraint(center=torch.zeros(3), radius=5.0)},
            "a pocket in place of the whole receptor",
        ),
        (VINA, {"choice": LatentChoice(modes=4)}, "latents that were chosen"),
        (VINA, {"latent_inverse_temperature": 2.0}, "another way of sampling"),
    ],
)
def test_poses_made_otherwise_are_warned_of(ligand, physics, settings, told):
    chosen = replace(DockingSettings(num_poses=3), **settings)
    found = verdict(ligand, physics, settings=chosen)
    assert f"made otherwise ({told})" in found.notes[-1] and found.near is not None


@pytest.mark.parametrize("changes", [{"pose_judge": None}, {"physics": replace(VINA, minimize="mmff")}])
def test_poses_without_a_judge_get_no_probability(ligand, changes):
    physics = changes.pop("physics", VINA)
    found = verdict(ligand, physics, **changes)
    assert found.near is None and found.reliability == () and "consensus" not in found.scores
    assert f"none was fitted to poses minimized by {physics.minimize}" in found.notes[-1]


def test_poses_are_ranked_by_contacts_and_judged_by_them(ligand):
    physics = replace(VINA, rank_by="contacts")
    of_contacts = replace(JUDGE, evidence=("energy_gap", "contacts_per_atom"))
    found = verdict(ligand, physics, contacts=np.array([3.0, 1.0, 2.0]), pose_judge=of_contacts)
    assert found.score is not None and found.score.tolist() == [3.0, 1.0, 2.0]
    np.testing.assert_allclose(
        found.scores["consensus"], 0.5 - np.array([4.0, 0.0, 2.0]) + 0.1 * np.array([3, 1, 2]) / 11
    )
    assert found.ranks(np.ones(3, dtype=bool))["contacts"].tolist() == [1, 3, 2]
    without = verdict(ligand, physics, pose_judge=of_contacts)
    assert without.near is None and "contacts" not in without.scores and "consensus" not in without.scores


def test_few_poses_are_ranked_and_get_no_probability(ligand):
    found = verdict(ligand, pose_judge=replace(JUDGE, made=replace(JUDGE.made, num_poses=40)))
    assert found.near is None and found.far is None and found.reliability == ()
    assert "needs at least 20 of them, not 3" in found.notes[-1] and "consensus" in found.scores
    enough = verdict(ligand, pose_judge=replace(JUDGE, made=replace(JUDGE.made, num_poses=6)))
    assert enough.near is not None and "3 poses in place of 6" in enough.notes[-1]


@pytest.mark.parametrize("physics", [VINA, NO_PHYSICS])
def test_poses_that_start_from_a_given_one_get_no_probability(ligand, physics):
    start = StartPoses(pos=torch.zeros(1, ligand.num_atoms, 3), t=0.5)
    usual, found = (verdict(ligand, physics, settings=DockingSettings(num_poses=3, start=one)) for one in (None, start))
    assert usual.near is not None and found.near is None and found.far is None
    assert set(found.scores) == set(usual.scores) and any("start from the same" in note for note in found.notes)


def models(judge: PoseJudge | None, confidence: object = object(), contacts: object = None) -> Any:
    return SimpleNamespace(config=config(pose_judge=judge), confidence=confidence, contacts=contacts)


def test_consensus_needs_a_judge_of_such_poses():
    choice = PhysicsChoice(rank_by="consensus")
    assert check_physics(choice, models(JUDGE)).rank_by == "consensus"
    assert check_physics(PhysicsChoice(), models(None)) == VINA
    of_contacts = replace(JUDGE, evidence=("energy_gap", "contacts_lead"))
    assert check_physics(choice, models(of_contacts, None, contacts=object())).rank_by == "consensus"
    for lacking in (models(None), models(JUDGE, None), models(of_contacts)):
        with pytest.raises(ConfigError, match="no consensus weights"):
            check_physics(choice, lacking)
    with pytest.raises(ConfigError, match="minimized by vina, not by mmff"):
        check_physics(PhysicsChoice(rank_by="consensus", minimize="mmff"), models(JUDGE))
