"""Importing published folders: what is found, what is written, and every way it can go wrong."""

from __future__ import annotations

import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from disco_dock.diffusion.sampler_config import PUBLISHED_DIFFDOCK_S, PUBLISHED_DISCO
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.runtime.errors import CheckpointError, DiscoError
from disco_dock.weights.networks import load_models
from disco_dock.weights.published.config import YML, score_config
from disco_dock.weights.published.folder import CONFIDENCE_FILE, EMA_FILE, PRIOR_FILE, RAW_FILE, import_published
from tests.disco_dock.models.published_golden import NAMES, SHIFT, golden_batch, padded_code, published_args, weights
from tests.disco_dock.models.test_golden import RELATIVE, relative_error
from tests.support.golden import load_golden
from tests.support.graphs import random_graph, random_pose
from tests.support.published import (
    BASELINE_ARGS,
    CONFIDENCE_ARGS,
    DISCO_ARGS,
    PRIOR_ARGS,
    confidence_weights,
    encoder_weights,
    prior_weights,
    score_weights,
    with_prefix,
    write_folder,
)


@pytest.fixture
def disco(tmp_path: Path) -> Path:
    """A tiny published release: a score model with latents (EMA and raw weights) and its prior."""
    root = tmp_path / "workdir"
    ema, raw = score_weights(DISCO_ARGS, 0), score_weights(DISCO_ARGS, 7)
    files = {EMA_FILE: ema, RAW_FILE: {**with_prefix(SHIFT, raw), **encoder_weights(DISCO_ARGS)}}
    write_folder(root / "disco", DISCO_ARGS, files)
    write_folder(root / "prior", PRIOR_ARGS, {PRIOR_FILE: prior_weights(PRIOR_ARGS, raw)})
    return root


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "baseline", BASELINE_ARGS, {EMA_FILE: score_weights(BASELINE_ARGS)})


def scores(directory: Path, *, latents: bool) -> torch.Tensor:
    """All scores of a checkpoint on one synthetic complex, flat."""
    graph = random_graph(3)
    batch = collate([graph])
    code = torch.zeros(1, 2, batch.num_atoms + batch.num_residues) if latents else None
    null = torch.zeros(1) if latents else None
    model = load_models(directory).score
    values = model(batch, random_pose(graph, 3)[None], torch.tensor([0.4]), igso3_table(), code=code, null=null)
    return torch.cat([value.flatten() for value in values])


@torch.no_grad()
def test_release_with_prior(disco: Path, tmp_path: Path) -> None:
    import_published(disco, tmp_path / "out")
    models = load_models(tmp_path / "out", with_encoder=True)
    assert models.config.name == "disco"
    assert models.config.sampler == PUBLISHED_DISCO
    assert models.config.latent_inverse_temperature == pytest.approx(np.exp(-1.5))
    assert models.prior is not None and models.prior.config.head_inputs == 2 * PRIOR_ARGS["ns"]
    assert models.encoder is not None and models.encoder.config.num_latents == 2
    assert set(models.config.training["imported"]) == {EMA_FILE, RAW_FILE, PRIOR_FILE}
    graph = random_graph(1)
    batch, pos = collate([graph]), random_pose(graph, 1)[None]
    code = torch.zeros(1, 2, batch.num_atoms + batch.num_residues)
    assert models.encoder(batch, pos).shape == (1, 2, batch.num_atoms + batch.num_residues)
    assert models.prior(batch, pos, code, 0).isfinite().all()
    assert scores(tmp_path / "out", latents=True).isfinite().all()


@torch.no_grad()
def test_ema_weights_win_over_raw_ones(disco: Path, tmp_path: Path) -> None:
    import_published(disco, tmp_path / "ema")
    (disco / "disco" / EMA_FILE).unlink()
    import_published(disco, tmp_path / "raw")
    only = write_folder(tmp_path / "only", DISCO_ARGS, {EMA_FILE: score_weights(DISCO_ARGS, 0)})
    import_published(only, tmp_path / "alone")
    ema, raw, alone = (scores(tmp_path / name, latents=True) for name in ("ema", "raw", "alone"))
    torch.testing.assert_close(ema, alone)
    assert float((ema - raw).abs().max()) > 1e-3
    models = load_models(tmp_path / "alone", with_encoder=True)
    assert models.encoder is None and models.prior is None


def test_score_folder_alone_warns_that_the_prior_is_missing(disco: Path, tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        import_published(disco / "disco", tmp_path / "out")
    assert "no latent prior" in caplog.text
    assert load_models(tmp_path / "out").prior is None


@torch.no_grad()
def test_baseline(baseline: Path, tmp_path: Path, caplog) -> None:
    import_published(baseline, tmp_path / "out")
    models = load_models(tmp_path / "out", with_encoder=True)
    assert (models.prior, models.encoder, models.config.sampler) == (None, None, PUBLISHED_DIFFDOCK_S)
    assert scores(tmp_path / "out", latents=False).isfinite().all()
    assert not caplog.records


def test_prior_chooses_among_score_models(disco: Path, baseline: Path, tmp_path: Path) -> None:
    shutil.move(baseline, disco / "baseline")
    write_folder(disco / "confidence", CONFIDENCE_ARGS, {CONFIDENCE_FILE: confidence_weights(CONFIDENCE_ARGS)})
    import_published(disco, tmp_path / "out")
    assert load_models(tmp_path / "out").config.name == "disco"
    shutil.rmtree(disco / "prior")
    with pytest.raises(CheckpointError, match="several score models \\(baseline, disco\\)"):
        import_published(disco, tmp_path / "other")


@torch.no_grad()
def test_release_with_confidence(disco: Path, tmp_path: Path) -> None:
    weights_of = confidence_weights(CONFIDENCE_ARGS)
    judge = write_folder(disco / "confidence", CONFIDENCE_ARGS, {"other_name.pt": weights_of})
    import_published(disco, tmp_path / "out")
    models = load_models(tmp_path / "out")
    config = models.config.all_atom_confidence
    assert config is not None and models.config.confidence is None and config.thresholds == (2.0,)
    assert models.config.atom_graph == config.trunk.atom_graph
    assert "other_name.pt" in models.config.training["imported"]
    graph = random_graph(1, rec_atoms=4)
    logits = models.confidence(collate([graph]), random_pose(graph, 1)[None])  # pyright: ignore[reportOptionalCall]
    assert logits.shape == (1, 2) and logits.isfinite().all()
    torch.save(weights_of, judge / CONFIDENCE_FILE)  # the published name wins over others
    import_published(disco, tmp_path / "again")
    assert CONFIDENCE_FILE in load_models(tmp_path / "again").config.training["imported"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / CONFIDENCE_FILE).unlink(), "no such file"),
        (lambda folder: shutil.copytree(folder, folder.parent / "second"), "several confidence networks"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "all_atoms": False}, {}), "all_atoms = False"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "sh_lmax": 1}, {}), "sh_lmax = 1"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "ns": 5}, {}), "shape|expected"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "nv": 3}, {}), "expected .* rows"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "num_conv_layers": 5}, {}), "lack"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "rmsd_classification_cutoff": ["2"]}, {}), "numbers"),
        (lambda folder: write_folder(folder, {**CONFIDENCE_ARGS, "rmsd_classification_cutoff": [5, 2]}, {}), "increas"),
    ],
)
def test_one_sentence_for_every_broken_confidence_folder(disco: Path, tmp_path: Path, damage, message: str) -> None:
    folder = disco / "confidence"
    write_folder(folder, CONFIDENCE_ARGS, {CONFIDENCE_FILE: confidence_weights(CONFIDENCE_ARGS)})
    damage(folder)
    with pytest.raises(DiscoError, match=message) as caught:
        import_published(disco, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_several_unnamed_files_of_a_confidence_network(disco: Path, tmp_path: Path) -> None:
    parts = {name: confidence_weights(CONFIDENCE_ARGS) for name in ("a.pt", "b.pt")}
    write_folder(disco / "confidence", CONFIDENCE_ARGS, parts)
    with pytest.raises(CheckpointError, match="several .pt files \\(a.pt, b.pt\\)"):
        import_published(disco, tmp_path / "out")
    with pytest.raises(CheckpointError, match="confidence network alone"):
        import_published(disco / "confidence", tmp_path / "out")


def damage_nothing(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def damage_pickle(folder: Path) -> None:
    (folder / EMA_FILE).write_bytes(pickle.dumps({"a": Path("x")}))


def damage_code(folder: Path) -> None:
    torch.save({"model": random_graph}, folder / EMA_FILE)


def damage_state(folder: Path) -> None:
    torch.save({"epoch": 3, "model": {}}, folder / EMA_FILE)


def damage_truncate(folder: Path) -> None:
    path = folder / EMA_FILE
    path.write_bytes(path.read_bytes()[:1000])


def _edit(name: str, value: torch.Tensor | None):
    def change(folder: Path) -> None:
        data = torch.load(folder / EMA_FILE, weights_only=True)
        if value is None:
            del data[name]
        else:
            data[name] = value
        torch.save(data, folder / EMA_FILE)

    return change


def _argument(**changes: Any):
    def change(folder: Path) -> None:
        args = {name: value for name, value in {**BASELINE_ARGS, **changes}.items() if value != "absent"}
        write_folder(folder, args, {})

    return change


def damage_yml(folder: Path) -> None:
    (folder / YML).write_text("a: [1, 2")


BROKEN = {
    "empty folder": (damage_nothing, "neither it nor a sub-folder"),
    "no weights": (lambda folder: (folder / EMA_FILE).unlink(), "neither best_ema"),
    "pickle": (damage_pickle, "not a state dict"),
    "code": (damage_code, "not a state dict"),
    "training state": (damage_state, "named tensors"),
    "truncated": (damage_truncate, "not a state dict"),
    "not yaml": (damage_yml, "not valid YAML"),
    "missing tensor": (_edit("tr_final_layer.0.weight", None), "lack 'tr_final_layer.0.weight'"),
    "missing norm": (_edit("conv_layers.1.batch_norm.running_var", None), "running_var"),
    "missing table": (_edit("lig_node_embedding.atom_embedding_list.3.weight", None), "atom_embedding_list|lack"),
    "wrong shape": (_edit("tr_final_layer.0.weight", torch.zeros(2, 2)), "shape"),
    "wrong rows": (_edit("conv_layers.0.fc.1.4.weight", torch.zeros(5, 12)), "expected 24 rows"),
    "not finite": (_edit("tr_final_layer.3.bias", torch.tensor([float("nan")])), "not finite"),
    "all atoms": (_argument(all_atoms=True), "all_atoms = True is not supported"),
    "lmax": (_argument(sh_lmax=2), "sh_lmax = 2"),
    "lmax by default": (_argument(sh_lmax="absent"), "sh_lmax = 2"),
    "graph latents": (_argument(latent_dim=2, latent_vocab=64), "latent_vocab = 64"),
    "no ns": (_argument(ns="absent"), "ns = None"),
    "ns is text": (_argument(ns="many"), "ns = 'many'"),
    "one layer": (_argument(num_conv_layers=1), "at least 2"),
    "negative nv": (_argument(nv=-1), "vectors"),
    "other size": (_argument(ns=5), "expected|shape"),
    "latents without weights": (_argument(latent_dim=2, latent_vocab=1), "unconditional|shape|lack"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_sentence_for_every_broken_folder(baseline: Path, tmp_path: Path, case: str) -> None:
    damage, expected = BROKEN[case]
    damage(baseline)
    with pytest.raises(DiscoError, match=expected) as caught:
        import_published(baseline, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_used(disco: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        import_published(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(CheckpointError, match="prior alone"):
        import_published(disco / "prior", tmp_path / "out")
    with pytest.raises(CheckpointError, match="already exists"):
        import_published(disco, disco / "disco")
    (disco / "prior" / PRIOR_FILE).unlink()
    with pytest.raises(CheckpointError, match=f"{PRIOR_FILE}: no such file"):
        import_published(disco, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_published_default_of_an_absent_argument() -> None:
    args = {name: value for name, value in DISCO_ARGS.items() if name != "use_old_atom_encoder"}
    with pytest.raises(CheckpointError, match="use_old_atom_encoder"):
        score_config({**args, "use_old_atom_encoder": True})


@torch.no_grad()
def test_golden_release(tmp_path: Path) -> None:
    disco, heads = (
        weights("weights_disco_diffdockS_score_model.npz"),
        weights("weights_disco_diffdockS_ar_model_heads.npz"),
    )
    score = weights("weights_disco_diffdockS_score_model.npz", SHIFT)
    name = "disco_diffdockS_score_model"
    write_folder(tmp_path / "in" / name, published_args(name), {EMA_FILE: score, RAW_FILE: disco})
    prior = {**with_prefix("pretrained_score_model.", score), **heads}
    write_folder(tmp_path / "in" / "ar", published_args("disco_diffdockS_ar_model"), {PRIOR_FILE: prior})
    judge = {CONFIDENCE_FILE: weights("weights_paper_confidence_model.npz")}
    write_folder(tmp_path / "in" / "confidence", published_args("paper_confidence_model"), judge)
    import_published(tmp_path / "in", tmp_path / "out")
    models = load_models(tmp_path / "out", with_encoder=True)
    assert models.encoder is not None and models.prior is not None and models.confidence is not None
    data, batch = load_golden(f"score_{NAMES[0]}.npz"), golden_batch(NAMES[0])
    code = padded_code([data["lat_LR.ligand"]], [data["lat_LR.receptor"]], batch)
    pos, t = torch.from_numpy(data["t0.5.pos"])[None], torch.tensor([0.5])
    ours = models.score(batch, pos, t, igso3_table(), code=code, null=torch.zeros(1))
    assert relative_error(ours.tr, data["t0.5.lat_LR.tr_pred"]) < RELATIVE
    assert relative_error(ours.rot, data["t0.5.lat_LR.rot_pred"]) < RELATIVE
    crystal = torch.from_numpy(load_golden(f"graph_{NAMES[0]}.npz")["lig_orig_pos_centered"])[None]
    assert (
        relative_error(models.encoder(batch, crystal)[0], load_golden(f"encoder_{NAMES[0]}.npz")["logits"]) < RELATIVE
    )
    run = load_golden(f"ar_{NAMES[0]}.npz")
    code = padded_code([run["input_latent_ligand_step1"]], [run["input_latent_receptor_step1"]], batch)
    logits = models.prior(batch, torch.from_numpy(run["ar_pos"]).float()[None], code, 1)[0]
    assert relative_error(logits, run["logits_step1"]) < RELATIVE
    poses, full = load_golden(f"confidence_{NAMES[0]}.npz"), golden_batch(NAMES[0], with_atoms=True)
    logits = models.confidence(full.expand(4), torch.from_numpy(poses["poses"]))
    assert relative_error(logits, poses["confidence_logits"]) < RELATIVE


@torch.no_grad()
def test_golden_baseline(tmp_path: Path) -> None:
    name = "diffdockS_score_model"
    folder = write_folder(tmp_path / "in", published_args(name), {EMA_FILE: weights(f"weights_{name}.npz", SHIFT)})
    import_published(folder, tmp_path / "out")
    data, batch = load_golden("score_6w70.npz"), golden_batch("6w70")
    ours = load_models(tmp_path / "out").score(
        batch, torch.from_numpy(data["t0.9.pos"])[None], torch.tensor([0.9]), igso3_table()
    )
    assert relative_error(ours.tr, data["t0.9.diffdockS.tr_pred"]) < RELATIVE
    assert relative_error(ours.rot, data["t0.9.diffdockS.rot_pred"]) < RELATIVE
