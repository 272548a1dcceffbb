"""From complexes to a checkpoint with a contact score: decoys, the fit, and the command's refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disco_dock.docking.judging import check_physics
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit import contact_score as module
from disco_dock.evaluation.fit.contact_score import ContactSettings, compare, contact_example, fit_contact_score
from disco_dock.evaluation.fit.contact_training import ContactFitSettings, joined_examples
from disco_dock.evaluation.fit.decoys import (
    ELSEWHERE,
    NATIVE,
    SCATTERED,
    Decoys,
    DecoySettings,
    decoy_file,
    make_decoys,
    read_decoys,
    searched_decoys,
)
from disco_dock.evaluation.fit.tempting_decoys import TemptingSettings, tempting_decoys
from disco_dock.physics.settings import PhysicsChoice
from disco_dock.physics.vina_receptor import vina_receptor
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.ranking.contact_score import contact_scores
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.weights.networks import load_models
from tests.support.contacts import planted_examples
from tests.support.runs import prior_run

EXAMPLES = Path(__file__).parents[4] / "data" / "examples"
NAMES = ("1ia1", "1s3v")
DECOYS = DecoySettings(scattered=2, around=3, close=2, elsewhere=3, moves=1, basins=1)
TEMPTING = TemptingSettings(scattered=3, elsewhere=2, moves=2, basins=2, poses=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two bundled complexes and a checkpoint of untrained networks."""
    root = tmp_path_factory.mktemp("fit")
    for name in NAMES:
        shutil.copytree(EXAMPLES / name, root / "data" / name)
    shutil.copytree(prior_run() / "checkpoint", root / "checkpoint")
    (root / "train.txt").write_text("\n".join(NAMES))
    (root / "held.txt").write_text("1uou")
    lines = [f"{name},{name},,train" for name in NAMES]
    (root / "manifest.csv").write_text("\n".join(["id,cluster,inchikey,split", *lines]))
    return root


def settings(folder: Path, **changes) -> ContactSettings:
    values = {
        "data": folder / "data",
        "train": folder / "train.txt",
        "manifest": folder / "manifest.csv",
        "out": folder / "out",
        "held_out": (folder / "held.txt",),
        "scorer": ContactScorerConfig(members=2, hidden=4),
        "decoys": DECOYS,
        "tempting": TEMPTING,
        "fit": ContactFitSettings(epochs=2, batch=1, kept=1.0),
    }
    return ContactSettings(**{**values, **changes})


def test_the_score_comes_into_the_checkpoint(folder, monkeypatch):
    monkeypatch.setattr(module, "FEWEST", 2)
    models, lines = load_models(folder / "checkpoint"), []
    with pytest.raises(ConfigError, match=r"has no contact score; .* disco-dock fit contacts"):
        check_physics(PhysicsChoice(minimize="vina", rank_by="contacts"), models)
    found = fit_contact_score(models, settings(folder), report=lines.append)
    models = load_models(folder / "checkpoint")
    assert models.contacts is not None and models.config.contacts == settings(folder).scorer
    assert models.contacts.outer.any()
    assert check_physics(PhysicsChoice(minimize="vina", rank_by="contacts"), models).rank_by == "contacts"
    assert json.loads((folder / "out" / "contacts.json").read_text()) == json.loads(json.dumps(found))
    assert (found["complexes"], found["clusters"], found["poses"]) == (2, 2, 26)
    assert lines[-1].startswith("epoch 2: loss") and sum(line.startswith("fitting") for line in lines) == 2
    again = fit_contact_score(models, settings(folder, own_first_round=True, out=folder / "own"), report=lines.append)
    assert again["poses"] == 26 and sum(line.startswith("fitting") for line in lines) == 3
    with pytest.raises(ConfigError, match="its decoys were made with other settings"):  # those of another score
        fit_contact_score(load_models(folder / "checkpoint"), settings(folder, own_first_round=True))
    once = fit_contact_score(models, settings(folder, rounds=1), report=lines.append)
    assert once["poses"] == 20


@pytest.mark.parametrize("changes", [{"rounds": 3}, {"rounds": 1, "own_first_round": True}])
def test_rounds_are_one_or_two(folder, changes):
    with pytest.raises(ConfigError, match="in 1 or 2 rounds"):
        settings(folder, **changes)


def test_a_first_round_of_its_own_needs_a_score_of_as_many_members(folder):
    models = load_models(prior_run() / "checkpoint")
    with pytest.raises(ConfigError, match="no contact score of 2 members for a first round"):
        fit_contact_score(models, settings(folder, own_first_round=True))


def test_tempting_decoys_are_what_the_score_likes_best_and_apart(folder):
    bound = FileCases(folder / "data", list(NAMES), seed=0).read("1s3v")
    torch.manual_seed(0)
    scorer = ContactScorer(ContactScorerConfig(members=2, hidden=4, angle_knots=(2.0, 3.0))).eval()
    torch.nn.init.normal_(scorer.outer)
    how = replace(TEMPTING, scattered=4, moves=5, poses=6)
    found = tempting_decoys(bound, scorer, how)
    again = tempting_decoys(bound, scorer, how)
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))
    assert len(found.pos) == 6 and set(found.kind.tolist()) <= {SCATTERED, ELSEWHERE}
    gap = np.sqrt(((found.pos[:, None] - found.pos[None]) ** 2).sum(3).mean(2)) + 9 * np.eye(6)
    assert gap.min() > 0.999
    fewer = tempting_decoys(bound, scorer, replace(how, poses=2))
    assert np.array_equal(fewer.pos, found.pos[:2])
    field = ContactField(bound.receptor, vina_receptor(bound.receptor))
    score = contact_scores(scorer, field, bound.ligand, found.pos.astype(float), found.energies)
    assert np.all(np.diff(score) < 1e-3)


def test_decoys_of_two_makers_are_one_set(folder):
    cases = FileCases(folder / "data", list(NAMES), seed=0)
    decoys = searched_decoys(cases.read("1s3v"), DECOYS)
    config = ContactScorerConfig(angle_knots=(2.0, 3.0, 5.0))

    def example(some: slice):
        return contact_example(cases, "1s3v", "1s3v", Decoys(*(value[some] for value in decoys)), config)

    both, whole = joined_examples([example(slice(0, 3)), example(slice(3, None))]), example(slice(None))
    assert both.rmsd.tolist() == whole.rmsd.tolist() == torch.from_numpy(decoys.rmsd).float().tolist()
    for name, one, other in zip(both.contacts._fields, both.contacts, whole.contacts, strict=True):
        assert torch.equal(one, other), name


def test_decoys_are_near_the_crystal_pose_where_they_should_be_and_are_made_once(folder):
    out = folder / "decoys"
    cases = FileCases(folder / "data", NAMES, seed=0)
    assert make_decoys(cases, DECOYS, out, make=searched_decoys) == list(NAMES)
    for name in NAMES:
        decoys = read_decoys(out, name)
        assert sorted(decoys.kind.tolist()) == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3] and decoys.pos.shape[0] == 10
        assert decoys.rmsd[decoys.kind == NATIVE].min() < 2 < decoys.rmsd[decoys.kind == SCATTERED].max()
        assert np.isfinite(decoys.inter + decoys.intra).all()
        apart = decoys.pos[decoys.kind == ELSEWHERE].mean(1)[:, None] - cases.load(name).crystal.mean(0)
        assert (np.linalg.norm(apart, axis=-1) > 2).all() and decoys.inter[decoys.kind == ELSEWHERE].max() < 0
    before = decoy_file(out, "1ia1").read_bytes()
    decoy_file(out, "1s3v").unlink()
    assert make_decoys(cases, DECOYS, out, make=searched_decoys) == list(NAMES)
    assert decoy_file(out, "1ia1").read_bytes() == before
    with pytest.raises(ConfigError, match="made with other settings"):
        make_decoys(cases, replace(DECOYS, moves=2), out, make=searched_decoys)
    decoy_file(out, "1s3v").write_bytes(before[: len(before) // 2])
    with pytest.raises(InputError, match="not a file of decoys"):
        read_decoys(out, "1s3v")


def test_poses_elsewhere_change_no_others(folder):
    cases = FileCases(folder / "data", ["1ia1"], seed=0)
    without = replace(DECOYS, elsewhere=0)
    found = [
        read_decoys(out, "1ia1")
        for one, out in ((DECOYS, folder / "with"), (without, folder / "without"))
        if make_decoys(cases, one, out, make=searched_decoys)
    ]
    assert len(found[1].pos) == 7
    np.testing.assert_array_equal(found[0].pos[:7], found[1].pos)


def test_held_out_complexes_and_too_few_are_refused(folder):
    models = load_models(folder / "checkpoint")
    with pytest.raises(ConfigError, match="held out"):
        fit_contact_score(models, settings(folder, held_out=(folder / "train.txt",)))
    with pytest.raises(ConfigError, match="2 complexes have decoys and the fit needs 50"):
        fit_contact_score(models, settings(folder))


def test_unseen_clusters_are_compared_by_the_member_that_did_not_see_them():
    config = ContactScorerConfig(members=2, hidden=4, receptor_classes=2, ligand_features=5, knots=(2.0, 4.0, 6.0))
    examples = planted_examples(config, 10)
    kinds = [np.array([SCATTERED] * 4 + [NATIVE] * 4)] * 10
    found = compare(ContactScorer(config).eval(), examples, kinds)
    assert found["all poses"]["oracle"] == 100 and found["searched poses"]["oracle"] == 100
    assert found["all poses"]["vina"] == found["all poses"]["contacts"]  # nothing is learnt yet
