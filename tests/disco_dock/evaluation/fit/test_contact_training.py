"""The fit of the contact score: it learns what is planted, and no member learns from its own clusters."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from disco_dock.evaluation.fit.contact_training import ContactFitSettings, fit_contacts, held_out_member
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.training.score.run import train_score
from disco_dock.weights.config import read_config
from disco_dock.weights.networks import load_models, save_checkpoint
from tests.support.contacts import planted_examples
from tests.support.runs import CPU, score_run, tiny_config
from tests.support.shards import made_up_shards

CONFIG = ContactScorerConfig(
    members=3, hidden=8, receptor_classes=2, ligand_features=5, knots=(2.0, 3.0, 5.0, 6.0), dropout=0.0
)
SETTINGS = ContactFitSettings(epochs=8, batch=4, learning_rate=0.02, kept=0.8)


@pytest.fixture(scope="module")
def examples():
    return planted_examples(CONFIG, 40)


@pytest.fixture(scope="module")
def fitted(examples):
    losses = []
    scorer = fit_contacts(examples, CONFIG, SETTINGS, on_epoch=lambda number, loss: losses.append(loss))
    return scorer, losses


def test_poses_of_unseen_clusters_are_ranked_by_what_was_planted(examples, fitted):
    scorer, losses = fitted
    assert losses[-1] < 0.5 * losses[0]
    right = [
        bool(one.rmsd[scorer(one.contacts)[held_out_member(one.cluster, CONFIG.members)].argmax()] < 2)
        for one in examples
    ]
    energy = [bool(one.rmsd[one.contacts.energy.sum(1).argmin()] < 2) for one in examples]
    assert sum(right) > 36 > 2 * sum(energy)


def test_a_member_does_not_change_when_its_unseen_clusters_do(examples, fitted):
    changed = [
        replace(one, rmsd=one.rmsd.flip(0)) if held_out_member(one.cluster, CONFIG.members) == 1 else one
        for one in examples
    ]
    other = fit_contacts(changed, CONFIG, SETTINGS)
    for name, value in fitted[0].named_parameters():
        same = [torch.equal(value[number], other.get_parameter(name)[number]) for number in range(CONFIG.members)]
        assert same == [False, True, False], name


def test_the_same_seed_gives_the_same_weights(examples, fitted):
    torch.manual_seed(99)  # the generator of the process is left alone, and does not matter
    before = torch.get_rng_state()
    again = fit_contacts(examples, CONFIG, SETTINGS)
    assert torch.equal(before, torch.get_rng_state())
    other = fit_contacts(examples, CONFIG, replace(SETTINGS, seed=1))
    for name, value in fitted[0].named_parameters():
        assert torch.equal(value, again.get_parameter(name)) and not torch.equal(value, other.get_parameter(name))


def test_complexes_without_a_choice_teach_nothing(examples):
    dull = [replace(one, rmsd=torch.full_like(one.rmsd, 9.0)) for one in examples[:4]]
    untaught = fit_contacts(dull, CONFIG, replace(SETTINGS, epochs=1, weight_decay=0.0))
    assert torch.equal(untaught.energy_weight, torch.ones(CONFIG.members, 2))
    assert torch.equal(untaught.outer, torch.zeros_like(untaught.outer))


def test_the_right_place_is_learnt_where_no_pose_is_right(examples):
    placed = [replace(one, rmsd=one.rmsd + 3.0) for one in examples]  # 4 and 9 Angstrom
    untaught = fit_contacts(placed, CONFIG, replace(SETTINGS, far_weight=0.0, weight_decay=0.0, epochs=1))
    assert torch.equal(untaught.outer, torch.zeros_like(untaught.outer))
    scorer = fit_contacts(placed, CONFIG, SETTINGS)
    right = [
        bool(one.rmsd[scorer(one.contacts)[held_out_member(one.cluster, CONFIG.members)].argmax()] < 5)
        for one in placed
    ]
    assert sum(right) > 36


@pytest.mark.parametrize(("ranked", "tuned"), [("contacts", "contacts"), ("consensus", "contacts"), ("vina", "vina")])
def test_a_tuned_checkpoint_keeps_the_contact_score_and_how_poses_are_made(tmp_path, ranked, tuned):
    first = shutil.copytree(score_run() / "checkpoint", tmp_path / "first")
    physics = PhysicsSettings(minimize="vina", moves=7, rank_by=ranked)
    scorer = ContactScorer(CONFIG)
    save_checkpoint(first, replace(read_config(first), contacts=CONFIG, physics=physics), {"contacts": scorer})
    train_score(made_up_shards(), None, tmp_path / "run", tiny_config(1, init=str(first)), CPU)
    models = load_models(tmp_path / "run" / "checkpoint")
    assert models.config.physics == replace(physics, rank_by=tuned)
    assert models.contacts is not None and torch.equal(models.contacts.table, scorer.table)
