"""The contact score: against plain loops, at the cutoff, member by member."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import silu

from disco_dock.ranking.contact_network import SUM_SCALE, ContactScorer, ContactScorerConfig, PoseContacts
from disco_dock.runtime.errors import ConfigError
from tests.support.contacts import random_contacts

CONFIG = ContactScorerConfig(
    members=3, hidden=4, receptor_classes=2, ligand_features=5, knots=(2.0, 3.0, 5.0, 6.0), angle_knots=(2.5, 3.5, 4.5)
)


def scorer(seed: int = 0) -> ContactScorer:
    torch.manual_seed(seed)
    made = ContactScorer(CONFIG).double().eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    return made


def vector(table: torch.Tensor, knots: tuple[float, ...], kind: int, distance: float) -> torch.Tensor:
    """Of one pair, interpolated between knots."""
    place = np.interp(max(distance, knots[0]), knots, np.arange(len(knots)))
    shares = np.maximum(0.0, 1 - np.abs(place - np.arange(len(knots))))[:-1]  # nothing is felt at the last
    first = kind * len(knots)
    return torch.from_numpy(shares) @ table[first : first + len(shares)]


def by_loops(model: ContactScorer, contacts: PoseContacts) -> np.ndarray:
    """(members, poses), one atom, pair and knot at a time."""
    atoms = len(contacts.ligand)
    ends = [*contacts.first.tolist()[1:], len(contacts.distance)]
    found = np.zeros((CONFIG.members, len(contacts.energy)))
    for member in range(CONFIG.members):
        for pose in range(len(contacts.energy)):
            total = -float(model.energy_weight[member] @ contacts.energy[pose])
            for atom in range(atoms):
                around = torch.zeros(CONFIG.hidden, dtype=torch.float64)
                place = pose * atoms + atom
                for pair in range(int(contacts.first[place]), ends[place]):
                    kind, distance = int(contacts.receptor_class[pair]), float(contacts.distance[pair])
                    around += vector(model.table[member], CONFIG.knots, kind, distance)
                    for angle, cosine in enumerate(contacts.angles[pair]):
                        own = angle * CONFIG.receptor_classes + kind
                        around += cosine * vector(model.angle_table[member], CONFIG.angle_knots, own, distance)
                features = contacts.ligand[atom]
                state = silu(SUM_SCALE * around * (1 + features @ model.scale[member]) + features @ model.shift[member])
                state = silu(state @ model.inner[member] + model.inner_bias[member])
                total += float(state @ model.outer[member])
            found[member, pose] = total
    return found


@given(seed=st.integers(0, 2**16))
def test_scores_are_those_of_plain_loops(seed):
    contacts = random_contacts(CONFIG, poses=2, atoms=3, seed=seed)
    np.testing.assert_allclose(scorer(seed)(contacts).numpy(), by_loops(scorer(seed), contacts), rtol=1e-9, atol=1e-9)


def test_a_pair_at_the_cutoff_is_not_felt_and_a_nearer_one_is():
    contacts = random_contacts(CONFIG, poses=1, atoms=1, seed=1)
    none = PoseContacts(
        torch.tensor([0]), torch.zeros(0).long(), torch.zeros(0).double(), torch.zeros(0, 3).double(), *contacts[4:]
    )
    for distance, felt in ((CONFIG.cutoff, False), (CONFIG.cutoff - 0.1, True)):
        one = none._replace(
            receptor_class=torch.tensor([1]),
            distance=torch.tensor([distance]).double(),
            angles=torch.ones(1, 3).double(),
        )
        assert torch.allclose(scorer()(one), scorer()(none), rtol=0, atol=1e-12) != felt


@given(seed=st.integers(0, 2**16))
def test_training_and_scoring_feel_the_same_surroundings(seed):
    contacts, model = random_contacts(CONFIG, poses=3, atoms=2, seed=seed), scorer(seed)
    wanted = model._surroundings(contacts)
    torch.testing.assert_close(model.train()._surroundings(contacts), wanted)


@given(seed=st.integers(0, 2**16), kept=st.lists(st.booleans(), min_size=4, max_size=4).filter(any))
def test_some_poses_score_as_among_all(seed, kept):
    contacts, some = random_contacts(CONFIG, poses=4, atoms=3, seed=seed), torch.tensor(kept)
    torch.testing.assert_close(scorer(seed)(contacts.poses(some)), scorer(seed)(contacts)[:, some])


def test_a_member_alone_scores_as_among_the_others():
    contacts, every = random_contacts(CONFIG, poses=4, atoms=5, seed=2), scorer()
    for number in range(CONFIG.members):
        torch.testing.assert_close(every.member(number)(contacts)[0], every(contacts)[number])


def test_a_lower_energy_scores_higher_before_anything_is_learnt():
    torch.manual_seed(0)
    fresh, contacts = ContactScorer(CONFIG).double().eval(), random_contacts(CONFIG, poses=6, atoms=3, seed=3)
    order = contacts.energy.sum(1).argsort()
    assert all(torch.equal(scores.argsort(descending=True), order) for scores in fresh(contacts))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": 0}, "must be positive"),
        ({"knots": (2.0,)}, "two or more increasing distances"),
        ({"knots": (2.0, 5.0, 4.0)}, "two or more increasing distances"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_sizes_that_cannot_be(changes, message):
    with pytest.raises(ConfigError, match=message):
        ContactScorerConfig(**changes)
