"""Poses are merged, cut by energy and counted as asked, and numbered anew."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.docking.listing import check_listing, list_poses
from disco_dock.docking.prediction import RankedPose
from disco_dock.docking.refinement import PosePhysics
from disco_dock.docking.settings import PredictSettings
from disco_dock.physics.settings import NO_PHYSICS, PhysicsSettings
from disco_dock.runtime.errors import ConfigError

BENZENE = Chem.MolFromSmiles("c1ccccc1")
ANGLES = np.arange(6) * np.pi / 3
HEXAGON = 1.39 * np.stack([np.cos(ANGLES), np.sin(ANGLES), 0 * ANGLES], axis=1)
SHIFTS = (0.0, 10.0, 0.3, 0.8, 10.4, 20.0)  # Angstrom
ENERGIES = (-6.0, -7.0, -5.0, -5.5, -2.0, -4.0)


def poses():
    """Six poses along x, ranked by something else than their energies."""
    return tuple(
        RankedPose(
            rank=number + 1,
            sample=5 - number,
            pos=np.roll(HEXAGON, number, axis=0) + [shift, 0.0, 0.0],
            confidence=None,
            p_rmsd_under_2=None,
            latents=(),
            latent_log_prob=None,
            pocket_distance=None,
            clash_count=0,
            stereo_kept=True,
            cluster={0: 1, 10: 2, 20: 3}[round(shift, -1)],
            copy_of=None if number in (0, 1, 5) else 1,
            physics=PosePhysics(vina_score=energy),
            ranks={"contacts": number + 1, "vina": 1 + sorted(ENERGIES).index(energy)},
        )
        for number, (shift, energy) in enumerate(zip(SHIFTS, ENERGIES, strict=True))
    )


def listed(**asked):
    return list_poses(BENZENE, poses(), PredictSettings(**asked))


def test_all_are_listed_unless_asked_otherwise():
    given = poses()
    assert list_poses(BENZENE, given, PredictSettings()) == (given, "")
    found, note = listed(min_rmsd=0.1, energy_range=100.0, num_modes=6)  # asks for nothing that these poses have
    assert [pose.sample for pose in found] == [5, 4, 3, 2, 1, 0] and not note


def test_near_copies_are_merged_and_counted_whatever_the_order_of_their_atoms():
    found, note = listed(min_rmsd=0.5)
    assert [pose.sample for pose in found] == [5, 4, 2, 0] and [pose.rank for pose in found] == [1, 2, 3, 4]
    assert note == "4 of 6 poses are listed; left out as asked: 2 within 0.5 Angstrom of a better one"
    # the third of the list repeats the first within 1 Angstrom, and the first took one more
    assert [pose.copies for pose in found] == [2, 1, 0, 0] and [pose.copy_of for pose in found] == [None, None, 1, None]
    assert [pose.cluster for pose in found] == [1, 2, 1, 3]
    assert [pose.ranks for pose in found] == [
        {"contacts": 1, "vina": 2},
        {"contacts": 2, "vina": 1},
        {"contacts": 3, "vina": 3},
        {"contacts": 4, "vina": 4},
    ]
    assert [pose.sample for pose in listed(min_rmsd=1.0).poses] == [5, 4, 0]


def test_energies_are_those_above_the_first_pose():
    found, note = listed(energy_range=1.0)
    assert [pose.physics.vina_score for pose in found] == [-6.0, -7.0, -5.0, -5.5]
    assert "2 more than 1.0 kcal/mol above the first" in note
    assert [pose.sample for pose in listed(energy_range=0.0).poses] == [5, 4]


def test_what_is_merged_and_cut_is_not_counted():
    found, note = listed(min_rmsd=0.5, energy_range=1.0, num_modes=2)
    assert [pose.sample for pose in found] == [5, 4] and found[0].copies == 1
    assert note.endswith(
        "2 within 0.5 Angstrom of a better one, 1 more than 1.0 kcal/mol above the first, 1 beyond the first 2"
    )


def test_an_energy_range_needs_energies():
    with pytest.raises(ConfigError, match="needs Vina scores.*--physics"):
        check_listing(PredictSettings(energy_range=3.0), NO_PHYSICS)
    check_listing(PredictSettings(energy_range=3.0), PhysicsSettings(score=True))
    check_listing(PredictSettings(min_rmsd=1.0), NO_PHYSICS)


@pytest.mark.parametrize(
    "wrong", [{"min_rmsd": 0.0}, {"min_rmsd": float("nan")}, {"energy_range": -1.0}, {"num_modes": 0}]
)
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        PredictSettings(**wrong)
