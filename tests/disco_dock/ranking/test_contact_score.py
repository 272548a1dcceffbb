"""The contact score of poses in a real pocket: alone, in company, and wherever the complex lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from disco_dock.docking.refinement import concatenate_refined, refine
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer, VinaScores
from disco_dock.ranking import contact_score
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.ranking.contact_score import contact_score_of, contact_scores
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_vina_energy import poses


@pytest.fixture(scope="module")
def scorer():
    torch.manual_seed(0)
    made = ContactScorer(ContactScorerConfig(members=2)).eval().requires_grad_(False)
    made.outer += 0.1 * torch.randn_like(made.outer)
    return made


def scores(scorer, receptor, ligand, pos, energies):
    return contact_scores(scorer, ContactField(receptor, VinaField(receptor).receptor), ligand, pos, energies)


def energies_of(receptor, ligand, pos):
    return VinaScorer(VinaField(receptor), ligand.mol).score(pos)


def test_a_pose_has_the_same_score_alone_and_in_parts(scorer, monkeypatch):
    receptor, ligand = example("1uou")
    pos = poses("1uou")
    energies = energies_of(receptor, ligand, pos)
    together = scores(scorer, receptor, ligand, pos, energies)
    alone = [
        scores(scorer, receptor, ligand, pos[k : k + 1], VinaScores(*(value[k : k + 1] for value in energies)))[0]
        for k in range(len(pos))
    ]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-10)
    monkeypatch.setattr(contact_score, "AT_ONCE", 4)
    np.testing.assert_allclose(scores(scorer, receptor, ligand, pos, energies), together, rtol=0, atol=1e-10)
    assert len(np.unique(together.round(6))) == len(pos)


def test_the_score_does_not_depend_on_where_the_complex_lies(scorer):
    receptor, ligand = example("1uou")
    pos = poses("1uou")
    energies = energies_of(receptor, ligand, pos)
    turn, shift = Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix(), np.array([30.0, -20.0, 5.0])
    moved = replace(receptor, atom_pos=receptor.atom_pos @ turn.T + shift, context=())
    still = scores(scorer, replace(receptor, context=()), ligand, pos, energies)
    np.testing.assert_allclose(scores(scorer, moved, ligand, pos @ turn.T + shift, energies), still, atol=1e-8)


def test_refined_poses_carry_it(scorer):
    receptor, ligand = example("1uou")
    settings = PhysicsSettings(minimize="vina", moves=0, rank_by="contacts")
    options = {"seed": 0, "stream": "a", "with_strain": False}
    field = VinaField(receptor)
    contacts = contact_score_of(scorer, ContactField(receptor, field.receptor), ligand)
    found = refine(receptor, field, ligand, poses("1uou"), settings, contacts=contacts, **options)
    assert found.contacts is not None
    np.testing.assert_allclose([pose.contact_score for pose in found.poses], found.contacts)
    np.testing.assert_allclose(
        found.contacts, scores(scorer, receptor, ligand, found.pos, energies_of(receptor, ligand, found.pos))
    )
    halves = concatenate_refined([found.take(slice(0, 2)), found.take(slice(2, None))])
    assert halves.contacts is not None and np.array_equal(halves.contacts, found.contacts)
    without = refine(receptor, field, ligand, poses("1uou"), settings, **options)
    assert without.contacts is None and without.poses[0].columns()["contact_score"] is None
