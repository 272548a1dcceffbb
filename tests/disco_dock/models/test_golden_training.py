"""One training step of the published networks: losses, predictions, gradients and batch statistics are reproduced."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disco_dock.diffusion.schedule import Scores, sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.latents.dropout import drop_codes
from disco_dock.latents.gumbel import straight_through_one_hot
from disco_dock.models import score as score_module
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.score import ScoreModel
from disco_dock.training.score import losses as losses_module
from disco_dock.training.score.losses import Losses, score_losses
from disco_dock.training.score.step import pad_positions
from disco_dock.weights.published.tensors import convert_encoder, convert_prior, convert_score, without_prefix
from tests.disco_dock.models.published_golden import (
    NAMES,
    SHIFT,
    encoder,
    golden_batch,
    padded_code,
    prior,
    score_model,
    weights,
)
from tests.disco_dock.models.test_golden import relative_error, tor_scale
from tests.support.golden import load_golden

DISCO = "disco_diffdockS_score_model"
FILE = f"weights_{DISCO}.npz"
TORSIONS = (3, 5, 11)
ENCODER = "encoder."
Module = TypeVar("Module", bound=nn.Module)
Convert = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def without_dropout(module: Module) -> Module:
    """The module in train mode with dropout off."""
    module.train()
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module


def golden_positions(key: str, data: dict[str, np.ndarray], atoms: int) -> Tensor:
    return pad_positions([torch.from_numpy(data[f"{name}.{key}"]).float() for name in NAMES], atoms)


def padded_torsions(values: list[np.ndarray]) -> Tensor:
    out = torch.zeros(len(values), max(TORSIONS))
    for row, value in enumerate(values):
        out[row, : len(value)] = torch.from_numpy(value)
    return out


def golden_code(data: dict[str, np.ndarray]) -> Tensor:
    ligand = np.split(data["latent_ligand"], np.cumsum([30, 34]))
    receptor = np.split(data["latent_receptor"], np.cumsum([109, 126]))
    return padded_code(ligand, receptor, golden_batch(*NAMES))


class Step(NamedTuple):
    encoder: LatentEncoder
    score: ScoreModel
    code: Tensor
    predicted: Scores
    losses: Losses
    mask: Tensor


@lru_cache(maxsize=1)
def golden_step() -> Step:
    """The golden training step with our networks and losses, through to the gradients.

    The torus norms are those of the golden run, which are a Monte-Carlo estimate.
    """
    data = load_golden("train_step_disco.npz")
    used = torch.from_numpy(data["tor_score_norm_used"][np.cumsum((0, *TORSIONS[:-1]))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "torus_score_norm", lambda sigma: used)
        patch.setattr(score_module, "torus_score_norm", lambda sigma: used)
        return run_step(data)


def run_step(data: dict[str, np.ndarray]) -> Step:
    """Forward and backward pass of encoder and score model on the three complexes."""
    batch = golden_batch(*NAMES)
    encode, model = without_dropout(encoder()), without_dropout(score_model(DISCO))
    table = igso3_table()
    crystal = pad_positions(
        [torch.from_numpy(load_golden(f"graph_{name}.npz")["lig_orig_pos_centered"]) for name in NAMES], batch.num_atoms
    )
    logits = encode(batch, crystal)
    sizes = [int(mask.sum()) for mask in batch.lig_mask]
    draws = [data[f"{name}.gumbel_uniform"].T for name in NAMES]
    ligand = [draw[:size] for draw, size in zip(draws, sizes, strict=True)]
    uniform = padded_code(ligand, [draw[size:] for draw, size in zip(draws, sizes, strict=True)], batch)
    mask = batch.node_mask.unsqueeze(1).expand_as(logits)
    keep = torch.from_numpy(data["latent_keep_mask"]).float().reshape(-1)
    code = drop_codes(straight_through_one_hot(logits, temperature=1.0, uniform=uniform, mask=mask), keep)
    t = torch.tensor([float(data[f"{name}.t"]) for name in NAMES])
    predicted = model(batch, golden_positions("pos", data, batch.num_atoms), t, table, code=code, null=1 - keep)
    target = Scores(
        torch.from_numpy(data["tr_score"]),
        torch.from_numpy(data["rot_score"]),
        padded_torsions([data[f"{name}.tor_score"] for name in NAMES]),
    )
    sigma = sigmas(t, model.config.noise)
    parts = score_losses(predicted, target, sigma, batch.torsion_mask, table)
    parts.total().backward()
    return Step(
        encode, model, code.detach(), predicted, Losses(*(value.detach() for value in parts)), batch.torsion_mask
    )


@pytest.mark.slow
def test_predictions_and_losses() -> None:
    data, step = load_golden("train_step_disco.npz"), golden_step()
    torch.testing.assert_close(step.code, golden_code(data))
    predicted = Scores(*(value.detach() for value in step.predicted))
    assert relative_error(predicted.tr, data["tr_pred"]) < 1e-3
    assert relative_error(predicted.rot, data["rot_pred"]) < 1e-3
    assert relative_error(predicted.tor[step.mask], data["tor_pred"]) < 1e-3
    losses = step.losses
    assert float(losses.total()) == pytest.approx(data["loss"].item(), rel=1e-3)
    assert float(losses.tr.mean()) == pytest.approx(float(data["tr_loss"]), rel=1e-3)
    assert float(losses.rot.mean()) == pytest.approx(float(data["rot_loss"]), rel=1e-3)
    assert float(losses.tor.sum() / losses.bonds.sum()) == pytest.approx(data["tor_loss"].item(), rel=1e-3)
    each = load_golden("train_step_disco_pergraph_losses.npz")
    np.testing.assert_allclose(losses.tr, each["tr_loss"], rtol=1e-3)
    np.testing.assert_allclose(losses.rot, each["rot_loss"], rtol=1e-3)
    np.testing.assert_allclose((losses.tor / losses.bonds), each["tor_loss"], rtol=1e-3)


def converters(step: Step) -> list[tuple[str, nn.Module, Convert]]:
    """(published prefix, our module, converter) of both networks."""
    encode, model = step.encoder, step.score
    return [
        (SHIFT, model, lambda values: convert_score(values, model.config)),
        (ENCODER, encode, lambda values: convert_encoder(values, encode.config)),
    ]


def converted(values: dict[str, np.ndarray], prefix: str, convert: Convert) -> dict[str, Tensor]:
    """Published values in our layout, NaN where there is none; the converter only moves numbers."""
    empty = {
        name: torch.full_like(value, torch.nan, dtype=torch.float32) for name, value in weights(FILE, prefix).items()
    }
    given = {name: torch.from_numpy(values[prefix + name]) for name in empty if prefix + name in values}
    return convert({**empty, **given})


def gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def published_norms(module: nn.Module, shapes: dict[str, Tensor], convert: Convert) -> dict[str, float]:
    """Gradient norms of our module under the published names; each published tensor's numbers are tracked by a mark."""
    marks = {
        name: torch.full_like(value, float(k), dtype=torch.float64) for k, (name, value) in enumerate(shapes.items(), 1)
    }
    squares = torch.zeros(len(marks) + 1, dtype=torch.float64)
    layout = convert(marks)
    for name, parameter in module.named_parameters():
        squares.index_add_(0, layout[name].flatten().long(), gradient(parameter).flatten().double() ** 2)
    return {name: float(square.sqrt()) for name, square in zip(marks, squares[1:], strict=True)}


@pytest.mark.slow
def test_gradients_and_batch_statistics() -> None:
    data, step = load_golden("train_step_disco.npz"), golden_step()
    complete = load_golden("train_step_disco_grads.npz")
    statistics = {key.removeprefix("bn_after."): value for key, value in data.items() if key.startswith("bn_after.")}
    compared = 0
    for prefix, module, convert in converters(step):
        norms = published_norms(module, weights(FILE, prefix), convert)
        for name, ours in norms.items():
            theirs = data.get(f"gradnorm.{prefix}{name}")
            if theirs is not None and np.isfinite(theirs):
                assert ours == pytest.approx(float(theirs), rel=2e-3, abs=1e-5), name
                compared += 1
        for name, theirs in converted(complete, prefix, convert).items():
            parameter = dict(module.named_parameters()).get(name)
            if parameter is None or not (given := torch.isfinite(theirs)).any():
                continue
            ours, theirs = gradient(parameter)[given], theirs[given]
            assert float((ours - theirs).norm()) < 2e-3 * float(theirs.norm()) + 1e-5, name
        buffers = dict(module.named_buffers())
        for name, theirs in converted(statistics, prefix, convert).items():
            if name.split(".")[-1].startswith("running") and bool(torch.isfinite(theirs).all()):
                torch.testing.assert_close(buffers[name], theirs, rtol=1e-3, atol=1e-5, msg=name)
    assert compared > 250


@torch.no_grad()
def test_mixed_batch_in_eval_mode() -> None:
    data, step = load_golden("score_mixed_batch_eval.npz"), load_golden("train_step_disco.npz")
    batch = golden_batch(*NAMES)
    code = golden_code(data)
    t = torch.from_numpy(data["t"])
    null = torch.zeros(3)  # unlike in the training step
    pos = golden_positions("pos", step, batch.num_atoms)
    scores = score_model(DISCO)(batch, pos, t, igso3_table(), code=code, null=null)
    assert relative_error(scores.tr, data["tr_pred"]) < 1e-4
    assert relative_error(scores.rot, data["rot_pred"]) < 1e-4
    scale = torch.tensor([tor_scale(float(value)) for value in t])
    ours = (scores.tor * scale[:, None])[batch.torsion_mask]
    assert relative_error(ours, data["tor_pred"]) < 1e-4


@pytest.mark.slow
def test_prior_step() -> None:
    data = load_golden("train_step_ar.npz")
    batch = golden_batch(*NAMES)
    model = without_dropout(prior())
    runs = [load_golden(f"ar_{name}.npz") for name in NAMES]
    steps = [int(data[f"{name}.decoding_idx"]) for name in NAMES]
    code = padded_code(
        [run[f"input_latent_ligand_step{step}"] for run, step in zip(runs, steps, strict=True)],
        [run[f"input_latent_receptor_step{step}"] for run, step in zip(runs, steps, strict=True)],
        batch,
    )
    pos = pad_positions([torch.from_numpy(run["ar_pos"]).float() for run in runs], batch.num_atoms)
    logits = model(batch, pos, code, 0)
    for row, name in enumerate(NAMES):
        assert relative_error(logits[row][batch.node_mask[row]].detach(), data[f"{name}.logits_train_mode"]) < 1e-3
    labels = [torch.from_numpy(data[f"{name}.soft_label"]) for name in NAMES]
    rows = [logits[row][batch.node_mask[row]] for row in range(batch.size)]
    loss = torch.stack([nn.functional.cross_entropy(*pair) for pair in zip(rows, labels, strict=True)]).mean()
    assert float(loss.detach()) == pytest.approx(float(data["loss"]), rel=1e-4)
    loss.backward()
    trunk = {f"pretrained_score_model.{name}": value for name, value in weights(FILE, SHIFT).items()}
    shapes = {**trunk, **weights("weights_disco_diffdockS_ar_model_heads.npz")}
    norms = published_norms(
        model, shapes, lambda w: convert_prior(without_prefix(w, "pretrained_score_model."), w, model.config)
    )
    compared = 0
    for name, ours in norms.items():
        theirs = data.get(f"gradnorm.{name}")
        if theirs is not None and np.isfinite(theirs):
            assert ours == pytest.approx(float(theirs), rel=2e-3, abs=1e-6), name
            compared += 1
    assert compared > 120
