"""What a worker does with a ligand: what is kept, failures, memory, and independence of what came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.chem.ligand_states import ligand_states
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.screening.ledger.coordinates import GRID, digest, unpack
from disco_dock.screening.ledger.identity import ScreenSettings
from disco_dock.screening.ledger.schema import STORED_POSE_COLUMNS
from disco_dock.screening.library.entries import canonical_ligand
from disco_dock.screening.messages import Docked, Failed, Work
from disco_dock.screening.workers.ligand_docker import DockerPlan, LigandDocker
from tests.disco_dock.docking.fake_engine import fake_dock, fake_engine
from tests.support.screening import IDENTITY

PREDICT = PredictSettings(num_poses=5, steps=1)
SETTINGS = ScreenSettings(predict=PREDICT, keep=3)
SMILES = "CC(=O)Nc1ccc(O)cc1"


@pytest.fixture(scope="session")
def peptide(tmp_path_factory):
    path = tmp_path_factory.mktemp("peptide") / "peptide.pdb"
    write_peptide(path)
    return path


def work(smiles=SMILES, number=1):
    return Work(id=number, smiles=smiles, name="m", heavy_atoms=11)


def dock_one(docker, one):
    (outcome,) = docker([one])
    return outcome


def test_the_best_poses_of_predict_are_kept(peptide):
    outcome = dock_one(LigandDocker(fake_engine(), SETTINGS, peptide), work())
    assert isinstance(outcome, Docked)
    ligand = canonical_ligand(SMILES, "m")
    prediction = predict_complex(fake_engine(), PREDICT, ReceptorStore(PREDICT, 0), peptide, ligand, name="m")
    pos = np.stack([pose.pos for pose in prediction.ranked[:3]])
    assert outcome.digest == digest(pos)
    assert np.abs(unpack(outcome.coordinates, 3, 11) - pos).max() <= GRID / 2 + 1e-9
    assert outcome.poses == tuple(
        {column: row[column] for column in STORED_POSE_COLUMNS} for row in prediction.table[:3]
    )
    assert outcome.num_poses == 5
    assert {"conformer", "docking", "total"} <= set(outcome.seconds)


def test_a_ligand_does_not_depend_on_what_was_docked_before(peptide):
    fresh = dock_one(LigandDocker(fake_engine(), SETTINGS, peptide), work())
    used = LigandDocker(fake_engine(), SETTINGS, peptide)
    for smiles in ("CCO", "c1ccccc1"):
        dock_one(used, work(smiles, 7))
    again = dock_one(used, work())
    assert isinstance(fresh, Docked) and isinstance(again, Docked)
    assert (again.digest, again.coordinates, again.poses) == (fresh.digest, fresh.coordinates, fresh.poses)


def test_the_best_of_a_ligands_states_is_kept(peptide):
    pytest.importorskip("dimorphite_dl")
    smiles, ligand = "NCC(=O)O", canonical_ligand("NCC(=O)O", "m")
    docker = LigandDocker(fake_engine(), replace(SETTINGS, predict=replace(PREDICT, protonate=7.4)), peptide)
    assert docker.together == 1
    one = dock_one(docker, work(smiles))
    assert isinstance(one, Docked) and one.states == 2
    plain = LigandDocker(fake_engine(), SETTINGS, peptide)
    each = [state.smiles for state in ligand_states(ligand, protonate=7.4)]
    alone = [dock_one(plain, work(text)) for text in each]
    best = max(alone, key=lambda found: found.poses[0]["confidence"])
    assert (one.digest, one.poses) == (best.digest, best.poses)
    assert one.state == each[alone.index(best)]


def test_a_failure_is_an_outcome(peptide):
    def broken(models, graph, settings, *, name, on_step, states):
        docked = fake_dock(models, graph, settings, name=name, on_step=on_step)
        return replace(docked, pos=docked.pos * np.nan)

    outcome = dock_one(LigandDocker(fake_engine(dock=broken), SETTINGS, peptide), work())
    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "numerics"
    assert "another --seed" in outcome.failure.hint
    assert "sample 0" in outcome.failure.message


def test_a_batch_that_does_not_fit_is_halved_and_the_size_remembered_for_larger_ligands(peptide):
    sizes = []

    def tight(models, graph, settings, *, name, on_step, states):
        sizes.append(settings.batch_size)
        if settings.batch_size > 2:
            raise torch.OutOfMemoryError("no room")
        return fake_dock(models, graph, settings, name=name, on_step=on_step)

    settings = ScreenSettings(predict=replace(PREDICT, num_poses=8, batch_size=8))
    docker = LigandDocker(fake_engine(dock=tight), settings, peptide)
    first, second = (dock_one(docker, one) for one in (work(), work("CCOCCOCCOCCOCCOCCOC", 2)))
    assert isinstance(first, Docked) and isinstance(second, Docked)
    assert sizes == [8, 4, 2, 2]
    whole = dock_one(LigandDocker(fake_engine(), settings, peptide), work())
    assert isinstance(whole, Docked)
    assert whole.digest == first.digest


def test_a_pose_that_does_not_fit_at_all_is_a_failure(peptide):
    def full(models, graph, settings, *, name, on_step, states):
        raise torch.OutOfMemoryError("no room")

    outcome = dock_one(LigandDocker(fake_engine(dock=full), SETTINGS, peptide), work())
    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "memory"


def test_settings_without_effect_are_refused_before_any_ligand(peptide):
    with pytest.raises(ConfigError, match="no latents"):
        LigandDocker(
            fake_engine(latents=False), ScreenSettings(predict=replace(PREDICT, latent_temperature=0.5)), peptide
        )
    with pytest.raises(InputError):
        far = replace(PREDICT, pocket=PocketHint(center=(900.0, 0.0, 0.0)))
        LigandDocker(fake_engine(), ScreenSettings(predict=far), peptide)


def test_a_plan_refuses_a_receptor_that_has_changed(peptide):
    plan = DockerPlan(settings=SETTINGS, protein=peptide, checkpoint=None, device="cpu", identity=IDENTITY)
    with pytest.raises(InputError, match="changed while the run was on"):
        plan()


def test_poses_with_the_wanted_interactions_are_kept_and_counted(peptide):
    ligand = canonical_ligand(SMILES, "m")
    prediction = predict_complex(fake_engine(), PREDICT, ReceptorStore(PREDICT, 0), peptide, ligand, name="m")
    words = [set((row["interactions"] or "").split()) for row in prediction.table]
    wanted, having = next(
        (word, [at for at, own in enumerate(words) if word in own]) for word in sorted(set.union(*words[1:]) - words[0])
    )
    outcome = dock_one(LigandDocker(fake_engine(), replace(SETTINGS, require=(wanted,)), peptide), work())
    assert isinstance(outcome, Docked)
    assert outcome.meeting == len(having)
    kept = having[: SETTINGS.keep]
    assert [pose["sample"] for pose in outcome.poses] == [prediction.table[at]["sample"] for at in kept]
    assert [pose["rank"] for pose in outcome.poses] == list(range(1, len(kept) + 1))
    assert outcome.digest == digest(np.stack([prediction.ranked[at].pos for at in kept]))
    without = dock_one(LigandDocker(fake_engine(), replace(SETTINGS, exclude=(wanted,)), peptide), work())
    assert isinstance(without, Docked) and without.meeting == PREDICT.num_poses - len(having)
    usual = dock_one(LigandDocker(fake_engine(), SETTINGS, peptide), work())
    unmet = dock_one(LigandDocker(fake_engine(), replace(SETTINGS, require=("metal:A:ZN9",)), peptide), work())
    assert isinstance(unmet, Docked) and isinstance(usual, Docked)
    assert unmet.meeting == 0 and unmet.digest == usual.digest and usual.meeting is None


@pytest.mark.parametrize(
    ("values", "word"),
    [({"keep": 0}, "at least 1 pose"), ({"time_budget": 0.0}, "time budget"), ({"exclude": ("A",)}, "cannot be read")],
)
def test_settings_are_checked(values, word):
    with pytest.raises(ConfigError, match=word):
        ScreenSettings(predict=PREDICT, **values)


def test_the_canonical_ligand_is_the_same_from_every_way_to_write_it():
    ligand = canonical_ligand("C[C@H](N)C(=O)[O-]", "x")
    assert ligand.smiles == canonical_ligand(ligand.smiles, "x").smiles
