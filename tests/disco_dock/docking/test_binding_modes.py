"""Latents named by a user, modes, clusters and suggested pockets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.docking.binding_modes import (
    find_node,
    latent_choice,
    near_copies,
    pose_clusters,
    pose_modes,
    suggest_pockets,
)
from disco_dock.docking.settings import PredictSettings
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.sampling.latent_choice import PriorSurvey
from disco_dock.sampling.sample import DockedPoses

MOL = Chem.MolFromSmiles("c1ccccc1CO")


@pytest.fixture
def receptor(peptide):
    return read_receptor(peptide)


def test_nodes_are_found_by_the_names_that_are_printed(receptor):
    from disco_dock.docking.clashes import node_labels

    nodes = np.arange(MOL.GetNumAtoms() + len(receptor.restype))
    assert [find_node(name, MOL, receptor) for name in node_labels(MOL, receptor, nodes)] == nodes.tolist()
    assert find_node("lig:8", MOL, receptor) == 7
    assert find_node("A:3", MOL, receptor) == MOL.GetNumAtoms() + 2


@pytest.mark.parametrize("name", ["lig:9", "lig:0", "lig:N8", "A:99", "lig:", "189", "A:ASP1"])
def test_names_of_nothing(receptor, name):
    with pytest.raises(InputError):
        find_node(name, MOL, receptor)


def test_choice(receptor):
    settings = PredictSettings(latents=("any", "A:2"), avoid_latents=("lig:1",), modes=4)
    choice = latent_choice(settings, 2, MOL, receptor)
    assert choice.forced == (-1, 9) and choice.avoided == (0,) and choice.modes == 4 and not choice.survey
    with pytest.raises(ConfigError, match="at most 1 times"):
        latent_choice(settings, 1, MOL, receptor)
    with pytest.raises(ConfigError, match="forced and avoided"):
        latent_choice(replace(settings, avoid_latents=("A:2",)), 2, MOL, receptor)


def test_clusters_follow_leaders_and_symmetry():
    ring = np.stack([[math.cos(k * math.pi / 3), math.sin(k * math.pi / 3), 0.0] for k in range(6)])
    benzene = Chem.MolFromSmiles("c1ccccc1")
    turned = np.roll(ring, 1, axis=0)
    pos = np.stack([ring, ring + 10.0, turned, ring + (1.9, 0, 0), ring + (3.7, 0, 0), ring + 10.5])
    assert pose_clusters(benzene, pos).tolist() == [1, 2, 1, 1, 3, 2]


def test_near_copies_point_at_the_better_pose():
    benzene = Chem.MolFromSmiles("c1ccccc1")
    flat = np.array([[np.cos(a), np.sin(a), 0.0] for a in np.arange(6) * np.pi / 3])
    shifts = np.array([0.0, 5.0, 0.4, 1.5, 5.9, 0.0])
    pos = flat + shifts[:, None, None] * np.array([1.0, 0.0, 0.0])
    pos[5] = np.roll(flat, 1, axis=0)  # the same by symmetry
    copy_of, copies = near_copies(benzene, pos)
    assert copy_of == [None, None, 1, None, 2, 1] and copies == [2, 1, 0, 0, 0, 0]


def docked(codes, log_prob, survey=None):
    count = len(codes)
    return DockedPoses(
        pos=np.zeros((count, 8, 3)),
        latent_nodes=np.array(codes),
        latent_log_prob=np.array(log_prob, dtype=float),
        confidence=None,
        survey=survey,
    )


def test_modes_are_numbered_by_probability():
    number, codes, log_prob = pose_modes(docked([[3, 4], [1, 2], [3, 4], [5, 5]], [-2.0, -1.0, -2.0, -9.0]))
    assert number.tolist() == [2, 1, 2, 3]
    assert codes.tolist() == [[1, 2], [3, 4], [5, 5]] and log_prob.tolist() == [-1.0, -2.0, -9.0]


def test_enumerated_modes_without_a_pose_are_listed():
    survey = PriorSurvey(codes=np.array([[1, 1], [2, 2], [0, 0]]), log_prob=np.array([-1.0, -2.0, -3.0]), marginal=None)
    number, codes, _ = pose_modes(docked([[1, 1], [2, 2]], [-1.0, -2.0], survey))
    assert number.tolist() == [1, 2] and codes.tolist() == [[1, 1], [2, 2], [0, 0]]


def test_suggested_sites_hold_the_probability_of_their_residues(receptor):
    residues = len(receptor.restype)
    share = np.zeros(8 + residues)
    share[[2, 8 + 4, 8 + 9]] = 0.2, 0.5, 0.3
    found = suggest_pockets(PriorSurvey(codes=None, log_prob=None, marginal=share), 8, receptor)
    assert found.residues[:2] == ((receptor.label(4), 0.5), (receptor.label(9), 0.3))
    assert found.on_ligand == 0.2
    assert sum(site["probability"] for site in found.sites) == pytest.approx(0.8)
    assert receptor.label(4) in found.sites[0]["residues"]
