"""The published networks, loaded through the converter, give the published numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco_dock.diffusion.so3 import igso3_table
from disco_dock.diffusion.torus import score_norm as torus_norm
from tests.disco_dock.models.published_golden import (
    NAMES,
    encoder,
    golden_batch,
    padded_code,
    prior,
    score_model,
)
from tests.support.golden import load_golden

RELATIVE = 1e-4


def relative_error(ours: torch.Tensor, published: np.ndarray) -> float:
    """Largest difference over the largest published value."""
    published = torch.from_numpy(np.asarray(published)).reshape(ours.shape)
    return float((ours - published).abs().max() / published.abs().max().clamp_min(1e-3))


def tor_scale(t: float) -> float:
    """sqrt(published Monte-Carlo torus norm / exact one) at time t."""
    tables = load_golden("tables_so3_torus.npz")
    sigma = 0.03 ** (1 - t) * 3.14**t
    row = np.abs(np.log(tables["torus_sigma_grid"] / sigma)).argmin()
    exact = torus_norm(torch.tensor([tables["torus_sigma_grid"][row]]))
    return float(np.sqrt(tables["torus_score_norm"][row] / exact.item()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("case", ["lat_LR", "lat_gumbel", "uncond", "diffdockS"])
@torch.no_grad()
def test_score_model(name: str, t: float, case: str) -> None:
    data = load_golden(f"score_{name}.npz")
    batch = golden_batch(name)
    disco = case != "diffdockS"
    model = score_model("disco_diffdockS_score_model" if disco else "diffdockS_score_model")
    key = f"t{t}."
    code = null = None
    if disco:
        code = padded_code([data[f"{case}.ligand"]], [data[f"{case}.receptor"]], batch)
        null = torch.from_numpy(data[f"{case}.unconditional"]).float().reshape(1)
    pos = torch.from_numpy(data[f"{key}pos"])[None]
    scores = model(batch, pos, torch.tensor([t]), igso3_table(), code=code, null=null)
    assert relative_error(scores.tr, data[f"{key}{case}.tr_pred"]) < RELATIVE
    assert relative_error(scores.rot, data[f"{key}{case}.rot_pred"]) < RELATIVE
    assert relative_error(scores.tor * tor_scale(t), data[f"{key}{case}.tor_pred"]) < RELATIVE


@torch.no_grad()
def test_score_model_on_a_batch_of_poses() -> None:
    data = load_golden("score_batch4_6moa_t0.7.npz")
    batch = golden_batch("6moa").expand(4)
    code = padded_code(list(data["latent_ligand"]), list(data["latent_receptor"]), batch)
    model = score_model("disco_diffdockS_score_model")
    pos = torch.from_numpy(data["pos"])
    scores = model(batch, pos, torch.full((4,), 0.7), igso3_table(), code=code, null=torch.zeros(4))
    assert relative_error(scores.tr, data["tr_pred"]) < RELATIVE
    assert relative_error(scores.rot, data["rot_pred"]) < RELATIVE
    assert relative_error(scores.tor * tor_scale(0.7), data["tor_pred"]) < RELATIVE


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_encoder(name: str) -> None:
    data = load_golden(f"encoder_{name}.npz")
    graph = load_golden(f"graph_{name}.npz")
    batch = golden_batch(name)
    logits = encoder()(batch, torch.from_numpy(graph["lig_orig_pos_centered"])[None])[0]
    assert relative_error(logits, data["logits"]) < RELATIVE


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_prior(name: str) -> None:
    data = load_golden(f"ar_{name}.npz")
    batch = golden_batch(name)
    model = prior()
    pos = torch.from_numpy(data["ar_pos"]).float()[None]
    for step in range(2):
        code = padded_code(
            [data[f"input_latent_ligand_step{step}"]], [data[f"input_latent_receptor_step{step}"]], batch
        )
        assert relative_error(model(batch, pos, code, step)[0], data[f"logits_step{step}"]) < RELATIVE
