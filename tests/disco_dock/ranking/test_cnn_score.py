"""What GNINA's network is given of receptor and ligand, by a stand-in for rustina and by rustina itself where it is."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from disco_dock.physics.settings import PhysicsChoice
from disco_dock.ranking import cnn_score
from disco_dock.ranking.cnn_score import BOND, REACH, cnn_note, cnn_probability
from disco_dock.runtime.errors import ConfigError, InputError
from tests.disco_dock.physics.examples import example

NO_MODELS = SimpleNamespace(contacts=None, confidence=None, config=SimpleNamespace(pose_judge=None))


@pytest.fixture
def seen(monkeypatch):
    """Texts that a stand-in for rustina was given; it answers with 0.5, 0.25, .."""
    texts = []

    def score_cnn(receptor, ligand):
        texts.append((receptor, ligand))
        return {"cnn_score": 0.5 ** len(texts), "cnn_affinity": 5.0}

    monkeypatch.setitem(sys.modules, "rustina", SimpleNamespace(score_cnn=score_cnn))
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: object())
    return texts


def atoms(text):
    """Places and types of a PDBQT text."""
    lines = [line for line in text.splitlines() if line.startswith("ATOM")]
    places = np.array([[float(line[30 + 8 * k : 38 + 8 * k]) for k in range(3)] for line in lines])
    return places, np.array([line[77:].strip() for line in lines])


def test_what_the_network_is_given(seen):
    receptor, ligand = example("1uou")
    poses = np.stack([ligand.pos, ligand.pos + 3.0])
    assert cnn_probability(receptor, ligand, poses).tolist() == [0.5, 0.25]
    around, own = seen[0]
    places, types = atoms(own)
    heavy = types != "HD"
    np.testing.assert_allclose(places[heavy], ligand.pos, atol=6e-4)
    elements = [atom.GetSymbol() for atom in ligand.mol.GetAtoms()]
    plain = {"A": "C", "NA": "N", "OA": "O", "SA": "S"}
    assert [plain.get(one, one) for one in types[heavy]] == elements
    ring = [atom.GetIsAromatic() and atom.GetSymbol() == "C" for atom in ligand.mol.GetAtoms()]
    assert (types[heavy] == "A").tolist() == ring
    donors = [atom.GetSymbol() in "NO" and atom.GetTotalNumHs() > 0 for atom in ligand.mol.GetAtoms()]
    assert (~heavy).sum() == sum(donors)
    places, types = atoms(around)
    inside = np.linalg.norm(places - ligand.pos.mean(0), axis=1) < REACH - 2 * BOND
    hydrogens = np.flatnonzero((types == "HD") & inside)
    assert len(hydrogens) > 50 and np.isin(types[hydrogens - 1], ("N", "NA", "OA")).all()
    np.testing.assert_allclose(np.linalg.norm(places[hydrogens] - places[hydrogens - 1], axis=1), BOND, atol=2e-3)
    assert np.linalg.norm(places - ligand.pos.mean(0), axis=1).max() < REACH + 1e-3
    assert set(types) == {"A", "C", "N", "NA", "OA", "SA", "HD"}


def test_a_pose_far_from_everything_is_not_near(seen):
    receptor, ligand = example("1uou")
    assert cnn_probability(receptor, ligand, ligand.pos[None] + 1e4).tolist() == [0.0] and not seen


def test_a_refusal_is_one_sentence(seen, monkeypatch):
    def refuses(receptor, ligand):
        raise ValueError("no atoms")

    monkeypatch.setattr(sys.modules["rustina"], "score_cnn", refuses)
    receptor, ligand = example("1uou")
    with pytest.raises(InputError, match=r"rustina cannot score the poses \(no atoms\)"):
        cnn_probability(receptor, ligand, ligand.pos[None])


@pytest.mark.parametrize("rank_by", ["cnn", "fused"])
def test_without_rustina_the_remedy_is_named_before_any_docking(monkeypatch, rank_by):
    from disco_dock.docking.judging import check_physics

    monkeypatch.setattr(cnn_score, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'disco-dock\[cnn\]' .*Linux on x86-64"):
        check_physics(PhysicsChoice(rank_by=rank_by), _models())


def test_fusing_needs_a_contact_score(seen):
    from disco_dock.docking.judging import check_physics

    with pytest.raises(ConfigError, match="no contact score to fuse with; rank by cnn"):
        check_physics(PhysicsChoice(rank_by="fused"), _models())
    assert check_physics(PhysicsChoice(rank_by="cnn"), _models()).rank_by == "cnn"


def _models():
    from disco_dock.physics.settings import NO_PHYSICS

    return SimpleNamespace(**{**vars(NO_MODELS), "config": SimpleNamespace(pose_judge=None, physics=NO_PHYSICS)})


def test_rustina_itself_tells_the_crystal_pose_from_others():
    pytest.importorskip("rustina")
    receptor, ligand = example("1uou")
    centre = ligand.pos.mean(0)
    poses = np.stack([ligand.pos, centre + (centre - ligand.pos) * [1, 1, -1], ligand.pos + [6.0, 0.0, 0.0]])
    near = cnn_probability(receptor, ligand, poses)
    assert near.argmax() == 0 and ((near > 0) & (near < 1)).all()
    moved = replace(receptor, atom_pos=receptor.atom_pos + 8.0)
    np.testing.assert_allclose(cnn_probability(moved, ligand, poses + 8.0), near, atol=0.01)
    assert "GNINA" in cnn_note() and "Apache-2.0" in cnn_note()
