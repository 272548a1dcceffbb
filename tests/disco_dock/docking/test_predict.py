"""One complex through the real readers with a fake docking function."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.engine import docking_settings
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.graph.receptor_atoms import AtomGraphConfig
from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings
from disco_dock.ranking import cnn_score
from disco_dock.runtime.errors import ConfigError, InputError, NumericsError
from tests.disco_dock.docking.fake_engine import fake_dock, fake_engine, fake_models


def predict(protein, ligand="C[C@H](N)C(=O)O", engine=None, **options):
    settings = PredictSettings(**{"num_poses": 6, "steps": 2, **options})
    return predict_complex(
        engine or fake_engine(), settings, ReceptorStore(settings, 0), protein, read_ligand(ligand), name="x"
    )


def test_poses_are_ranked_described_and_kept_in_the_receptors_frame(peptide):
    prediction = predict(peptide)
    confidence = [row["confidence"] for row in prediction.table]
    assert confidence == sorted(confidence, reverse=True)
    assert [row["rank"] for row in prediction.table] == list(range(1, 7))
    assert sorted(row["sample"] for row in prediction.table) == list(range(6))
    assert all(len(pose.latents) == 2 and pose.stereo_kept for pose in prediction.ranked)
    assert all(row["pocket_distance"] is None for row in prediction.table)
    first = prediction.poses[0]
    assert any(atom.GetSymbol() == "H" for atom in first.GetAtoms())
    np.testing.assert_allclose(first.GetConformer().GetPositions()[:6], prediction.ranked[0].pos, atol=1e-6)
    assert first.GetProp("confidence") == str(confidence[0])
    assert set(prediction.timings) == {"receptor", "conformer", "graph", "docking", "physics", "validity", "checks"}


def test_physics_is_as_the_checkpoint_says_unless_asked_otherwise(peptide):
    engine = fake_engine(physics=PhysicsSettings(minimize="vina", moves=1, rank_by="vina"))
    own = predict(peptide, engine=engine)
    assert own.sampled is not None
    scores = [row["vina_score"] for row in own.table]
    assert len(set(scores)) > 1 and scores[0] == min(scores)
    asked = predict(peptide, engine=engine, physics=PhysicsChoice(minimize="none", rank_by="confidence"))
    assert asked.sampled is None and all(row["vina_score"] is None for row in asked.table)


def test_poses_are_ranked_by_gninas_network_where_rustina_is(peptide, monkeypatch):
    """A stand-in for rustina, which prefers poses whose first atom has a large x."""

    def score_cnn(receptor, ligand):
        x = float(ligand.splitlines()[1][30:38])
        return {"cnn_score": 1 / (1 + np.exp(-x / 10))}

    monkeypatch.setitem(sys.modules, "rustina", SimpleNamespace(score_cnn=score_cnn))
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: object())
    found = predict(peptide, physics=PhysicsChoice(rank_by="cnn"))
    values = [row["cnn"] for row in found.table]
    assert values == sorted(values, reverse=True) and len(set(values)) > 1
    assert [row["rank_cnn"] for row in found.table] == list(range(1, 7)) and "fused" not in found.columns
    assert any("GNINA" in note and "Apache-2.0" in note for note in found.notes)
    assert "cnn" not in predict(peptide).columns
    with pytest.raises(ConfigError, match="no contact score to fuse with"):
        predict(peptide, physics=PhysicsChoice(rank_by="fused"))


def test_a_trace_goes_without_the_checkpoints_physics(peptide, tmp_path):
    trace = tmp_path / "trace.pdb"
    lines = [line for line in peptide.read_text().splitlines() if not line.startswith("ATOM") or line[12:16] == " CA "]
    trace.write_text("\n".join(lines) + "\n")
    engine = fake_engine(physics=PhysicsSettings(minimize="vina", moves=1, rank_by="vina"))
    prediction = predict(trace, engine=engine)
    assert prediction.sampled is None and all(row["vina_score"] is None for row in prediction.table)
    assert any("trace without side chains" in note for note in prediction.notes)


def test_same_complex_same_poses_at_any_batch_size_and_under_any_name(peptide, tmp_path):
    other = tmp_path / "renamed.pdb"
    other.write_bytes(peptide.read_bytes())
    first, second = predict(peptide, batch_size=2), predict(other, batch_size=5)
    np.testing.assert_array_equal([pose.pos for pose in first.ranked], [pose.pos for pose in second.ranked])
    third = predict(peptide, seed=1)
    assert not np.allclose(first.ranked[0].pos, third.ranked[0].pos)


def test_inverted_stereo_is_found_and_ranked_last(peptide):
    def mirrored(*args, **kwargs):
        docked = fake_dock(*args, **kwargs)
        assert docked.confidence is not None
        docked.pos[int(docked.confidence.argmax())] *= -1
        return docked

    prediction = predict(peptide, engine=fake_engine(mirrored))
    assert [pose.stereo_kept for pose in prediction.ranked] == [True] * 5 + [False]
    assert any("1 of 6 poses have another stereo" in note for note in prediction.notes)


def test_pocket_hints(peptide):
    by_residue = predict(peptide, pocket=PocketHint(residues=("A:3",), radius=4.0))
    assert by_residue.pocket is not None and by_residue.pocket.radius == 4.0
    distances = [pose.pocket_distance for pose in by_residue.ranked]
    for pose, distance in zip(by_residue.ranked, distances, strict=True):
        assert distance == pytest.approx(np.linalg.norm(pose.pos.mean(0) - by_residue.pocket.center))
    center = tuple(by_residue.pocket.center.tolist())
    by_center = predict(peptide, pocket=PocketHint(center=center, radius=4.0))
    np.testing.assert_allclose(
        [pose.pos for pose in by_center.ranked], [pose.pos for pose in by_residue.ranked], atol=1e-4
    )


def test_pocket_ligand(peptide, tmp_path):
    reference = tmp_path / "ref.sdf"
    found = predict(peptide)
    found.to_sdf(tmp_path / "poses.sdf")
    reference.write_text((tmp_path / "poses.sdf").read_text().split("$$$$")[0] + "$$$$\n")
    prediction = predict(peptide, pocket=PocketHint(ligand=reference))
    assert prediction.pocket is not None
    np.testing.assert_allclose(prediction.pocket.center, found.ranked[0].pos.mean(0), atol=1e-3)


@pytest.mark.parametrize("hint", [{"residues": ("A:999",)}, {"center": (900.0, 0.0, 0.0)}])
def test_pockets_off_the_receptor(peptide, hint):
    with pytest.raises(InputError):
        predict(peptide, pocket=PocketHint(**hint))


def test_far_poses_are_reported(peptide):
    def far(*args, **kwargs):
        docked = fake_dock(*args, **kwargs)
        return replace(docked, pos=docked.pos + 50.0)

    prediction = predict(peptide, engine=fake_engine(far), pocket=PocketHint(residues=("A:3",)))
    assert any("6 of 6 poses did not reach the pocket (sphere of 10.0 Angstrom)" in note for note in prediction.notes)


def test_batch_is_halved_when_memory_runs_out(peptide):
    sizes = []

    def hungry(models, graph, settings, **kwargs):
        sizes.append(settings.batch_size)
        if settings.batch_size > 2:
            raise torch.OutOfMemoryError("out of memory")
        return fake_dock(models, graph, settings, **kwargs)

    prediction = predict(peptide, engine=fake_engine(hungry), batch_size=10)
    assert sizes == [6, 3, 1]
    assert any("--batch-size 1" in note for note in prediction.notes)


def test_poses_that_are_not_finite_stop(peptide):
    def broken(*args, **kwargs):
        docked = fake_dock(*args, **kwargs)
        docked.pos[2, 0, 0] = np.nan
        return docked

    with pytest.raises(NumericsError, match="sample 2"):
        predict(peptide, engine=fake_engine(broken))


def test_without_latents_and_confidence(peptide):
    engine = fake_engine(latents=False)
    engine.models.confidence = None  # pyright: ignore[reportAttributeAccessIssue]
    prediction = predict(peptide, engine=engine)
    assert [pose.sample for pose in prediction.ranked] == list(range(6))
    assert prediction.table[0]["latents"] is None and prediction.table[0]["confidence"] is None
    assert any("no confidence model" in note for note in prediction.notes)


def test_receptor_atoms_come_with_checkpoints_that_need_them(peptide, tmp_path):
    seen = []

    def keep(models, graph, settings, **options):
        seen.append(graph.rec_atoms)
        return fake_dock(models, graph, settings, **options)

    predict(peptide, engine=fake_engine(keep))
    engine = fake_engine(keep, atom_graph=AtomGraphConfig())
    predict(peptide, engine=engine)
    assert seen[0] is None and len(seen[1].pos) > 50
    trace = tmp_path / "trace.pdb"
    lines = peptide.read_text().splitlines()
    trace.write_text("\n".join(line for line in lines if line[12:16] == " CA "))
    with pytest.raises(InputError, match="C-alpha atoms only"):
        predict(trace, engine=engine)
    assert len(seen) == 2


def test_settings_without_effect_are_refused():
    with pytest.raises(ConfigError, match="latent temperature"):
        docking_settings(fake_models(latents=False), PredictSettings(latent_temperature=1.0), None)
    with pytest.raises(ConfigError, match="guidance weight"):
        docking_settings(fake_models(latents=False), PredictSettings(guidance_weight=1.0), None)
    with pytest.raises(ConfigError, match="interval"):
        docking_settings(fake_models(), PredictSettings(guidance_interval=(0.1, 0.9)), None)


def test_docking_settings_take_the_users_values_over_the_checkpoints():
    settings = PredictSettings(
        steps=7, ode=True, latent_temperature=0.25, guidance_weight=2.0, guidance_interval=(0.2, 0.8), num_poses=3
    )
    chosen = docking_settings(fake_models(), settings, None)
    assert (chosen.sampler.steps, chosen.sampler.ode, chosen.num_poses) == (7, True, 3)
    assert chosen.latent_inverse_temperature == 4.0
    assert (chosen.guidance.weight, chosen.guidance.t_min, chosen.guidance.t_max) == (2.0, 0.2, 0.8)


def test_store_reads_each_file_once_and_forgets_it(peptide, monkeypatch):
    from disco_dock.docking import receptors as receptor_store

    read = []
    real = receptor_store.read_receptor

    def counted(path, **kwargs):
        read.append(path)
        return real(path, **kwargs)

    monkeypatch.setattr(receptor_store, "read_receptor", counted)
    store = ReceptorStore(PredictSettings(), 0, [peptide, peptide])
    first = store.get(peptide)
    store.release(peptide)
    assert store.get(peptide) is first and len(read) == 1
    store.release(peptide)
    assert store.get(peptide) is not first and len(read) == 2


def test_store_remembers_failures(tmp_path, monkeypatch):
    from disco_dock.docking import receptors as receptor_store

    calls = []

    def failing(path, **kwargs):
        calls.append(path)
        raise InputError(f"{path}: broken")

    monkeypatch.setattr(receptor_store, "read_structure", failing)
    store = ReceptorStore(PredictSettings(), 0, [tmp_path / "a.pdb"] * 3)
    for _ in range(3):
        with pytest.raises(InputError, match="broken"):
            store.get(tmp_path / "a.pdb")
    assert len(calls) == 1
