"""Ligands in one network batch: on a CPU the bits of each alone; packed, the same up to rounding."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.runtime.errors import NumericsError
from disco_dock.sampling.network_batch import CPU_GROUP
from disco_dock.sampling.sample import dock
from disco_dock.sampling.settings import DockingSettings
from disco_dock.sampling.several_ligands import cpu_rows, cpu_share, cpu_shares, dock_together, packed_rows, shape_of
from tests.support.graphs import random_graph

SETTINGS = DockingSettings(num_poses=2, seed=3, sampler=SamplerConfig(steps=3))
NAMES = ("a", "b", "c", "d")
FIELDS = ("pos", "latent_nodes", "latent_log_prob", "confidence", "logits")


@pytest.fixture(scope="module")
def graphs():
    """Ligands of 9 atoms with 1 to 4 torsions in one receptor."""
    first = random_graph(0, torsions=1)
    receptor = {name: value for name, value in vars(first).items() if name.startswith("rec_")}
    return [first, *(replace(random_graph(k, torsions=1 + k), **receptor) for k in (1, 2, 3))]


@pytest.fixture(scope="module")
def alone(models, graphs):
    return [dock(models, graph, SETTINGS, name=name) for graph, name in zip(graphs, NAMES, strict=True)]


def assert_same(found, expected):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)


@pytest.mark.parametrize("members", [(0, 1, 2, 3), (3, 1), (2,)])
def test_a_pose_has_the_same_bits_in_every_company(models, graphs, alone, members):
    chosen, names = [graphs[one] for one in members], [NAMES[one] for one in members]
    together = dock_together(models, chosen, SETTINGS, names, shares=members)
    for one, found in zip(members, together, strict=True):
        assert_same(found, alone[one])


@pytest.mark.parametrize("num_poses", [1, 2, 3, 4, 8])
def test_ligands_have_their_own_rows_of_a_group(num_poses):
    shares = cpu_shares(num_poses)
    assert {cpu_share(f"C{number}", num_poses) for number in range(60)} == set(range(shares))
    rows = cpu_rows(range(shares), num_poses)
    assert len(rows) == CPU_GROUP == len(rows.pose)
    assert Counter(rows.ligand[row] for row in rows.live) == dict.fromkeys(range(shares), num_poses)
    assert [rows.pose[row] for row in rows.live] == list(range(num_poses)) * shares
    single = cpu_rows([shares - 1], num_poses)
    assert single.live == rows.live[-num_poses:]  # its place does not depend on the others


def test_the_shape_of_a_ligand_leaves_room_for_others(graphs):
    assert len({shape_of(graph) for graph in graphs}) == 1
    assert shape_of(random_graph(0, torsions=0)) != shape_of(graphs[0])


@pytest.mark.parametrize("num_poses", [2, 5])
def test_packed_poses_are_those_of_each_alone_up_to_rounding(models, graphs, num_poses):
    settings = replace(SETTINGS, num_poses=num_poses)
    assert packed_rows(4, num_poses).live == tuple(range(4 * num_poses))
    for graph, name, found in zip(graphs, NAMES, dock_together(models, graphs, settings, NAMES), strict=True):
        expected = dock(models, graph, settings, name=name)
        np.testing.assert_array_equal(found.latent_nodes, expected.latent_nodes)
        np.testing.assert_allclose(found.pos, expected.pos, atol=1e-4)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)


def test_the_receptor_is_computed_once(models, graphs, alone, monkeypatch):
    states = {}
    dock_together(models, graphs[:2], SETTINGS, NAMES[:2], states=states)
    for network in (models.score, models.prior, models.confidence):
        monkeypatch.setattr(network.trunk, "receptor_state", pytest.fail)
    (found,) = dock_together(models, graphs[2:3], SETTINGS, NAMES[2:3], shares=[0], states=states)
    assert_same(found, alone[2])


def test_a_score_that_is_not_finite_stops_the_batch(models, graphs):
    broken = replace(graphs[1], conformer=graphs[1].conformer * np.nan)
    with pytest.raises(NumericsError, match="score of pose"):
        dock_together(models, [graphs[0], broken], SETTINGS, NAMES[:2], shares=[0, 1])
