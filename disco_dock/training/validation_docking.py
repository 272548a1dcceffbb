"""Docking of validation complexes with the latents of the encoder, of the prior, and with none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.example import TrainingExample
from disco_dock.graph.batch import collate
from disco_dock.graph.molecule import skeleton
from disco_dock.latents.autoregressive import sample_codes
from disco_dock.models.gaussian_encoder import GaussianEncoder
from disco_dock.runtime.distributed import gathered, processes
from disco_dock.runtime.errors import NumericsError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.sample import DockingSettings, dock
from disco_dock.training.settings import ValidationConfig
from disco_dock.training.stage import VALIDATION_SEED
from disco_dock.weights.networks import Models

THRESHOLDS = (2.0, 5.0)  # Angstrom


@dataclass(frozen=True, kw_only=True)
class DockedErrors:
    """Errors of a complex's poses in Angstrom; infinite where it could not be docked."""

    rmsd: tuple[float, ...]
    centroid: tuple[float, ...]


@torch.no_grad()
def oracle_codes(models: Models, example: TrainingExample, poses: int) -> np.ndarray:
    """(poses, latents) draws from the encoder on the crystal pose: node indices, or numbers of continuous latents."""
    encoder = models.encoder
    assert encoder is not None
    graphs = collate([example.graph]).to(models.device)
    found = encoder(graphs, example.pos_crystal.unsqueeze(0).to(models.device))
    random = PoseRandom(VALIDATION_SEED, f"oracle {example.name}", range(poses))
    if isinstance(encoder, GaussianEncoder):
        wide = type(found)(*(value.expand(poses, -1).cpu() for value in found))
        return wide.draw(random.normal(encoder.config.num_latents)).numpy()
    logits = found.cpu().expand(poses, -1, -1)
    index, _ = sample_codes(
        lambda _, position: logits[:, position],
        num_latents=logits.shape[1],
        uniform=random.uniform(logits.shape[1]),
        mask=graphs.node_mask.cpu().expand(poses, -1),
    )
    return index.numpy()


def pose_errors(models: Models, example: TrainingExample, settings: DockingSettings) -> DockedErrors:
    """Symmetry-corrected RMSD and centroid distance of the docked poses from the crystal pose."""
    try:
        docked = dock(models, example.graph, settings, name=example.name)
    except NumericsError:
        missing = (float("inf"),) * settings.num_poses
        return DockedErrors(rmsd=missing, centroid=missing)
    pos, crystal = docked.pos - example.graph.origin, example.pos_crystal.double().numpy()
    rmsd = symmetric_rmsd(skeleton(example.graph), pos, crystal)
    centroid = np.linalg.norm(pos.mean(1) - crystal.mean(0), axis=-1)
    return DockedErrors(rmsd=tuple(rmsd.tolist()), centroid=tuple(centroid.tolist()))


def success_rates(errors: Sequence[DockedErrors], case: str) -> dict[str, float]:
    """Shares of all poses, and of complexes by their best pose, below the thresholds; failures count as misses."""
    rmsd = np.array([one.rmsd for one in errors])
    centroid = np.array([one.centroid for one in errors])
    values = {}
    for limit in THRESHOLDS:
        values[f"val_dock_{case}_under_{limit:g}"] = float((rmsd < limit).mean())
        values[f"val_dock_{case}_best_under_{limit:g}"] = float((rmsd.min(1) < limit).mean())
    finite = rmsd[np.isfinite(rmsd)]
    if len(finite) == rmsd.size:  # JSON knows no infinity
        values[f"val_dock_{case}_median_rmsd"] = float(np.median(finite))
    values[f"val_dock_{case}_centroid_under_5"] = float((centroid < THRESHOLDS[-1]).mean())
    return values


def cases_of(models: Models) -> tuple[str, ...]:
    """The kinds of latents that these networks can be given."""
    if not models.score.config.trunk.num_latents:
        return ("null",)
    learned = models.prior is not None or isinstance(models.encoder, GaussianEncoder)
    return ("oracle", "prior", "null") if learned else ("oracle", "null")


def validation_docking(models: Models, dataset: ComplexDataset, config: ValidationConfig) -> dict[str, float]:
    """Success rates by latents, named ``val_dock_oracle_under_2`` and so on; the processes share the complexes.

    Continuous latents of the case "prior" come from the standard normal distribution.

    Args:
        models: networks in eval mode; confidence model and pose expert are not used.
        dataset: held-out complexes.
        config: how many, and how they are docked.
    """
    numbers = processes().share(range(min(config.dock_complexes, len(dataset))))
    settings = DockingSettings(
        num_poses=config.dock_poses,
        seed=VALIDATION_SEED,
        batch_size=config.dock_poses,
        sampler=replace(models.config.sampler, steps=config.dock_steps),
        latent_inverse_temperature=models.config.latent_inverse_temperature,
    )
    models = replace(models, confidence=None, expert=None)
    without = replace(models, prior=None, config=replace(models.config, encoder=None))
    values: dict[str, float] = {}
    for case in cases_of(models):
        errors = []
        for number in numbers:
            example = dataset[number]
            if case == "oracle":
                codes = oracle_codes(models, example, config.dock_poses)
                errors.append(pose_errors(models, example, replace(settings, codes=codes)))
            else:
                errors.append(pose_errors(without if case == "null" else models, example, settings))
        values |= success_rates(gathered(errors), case)
    return values
