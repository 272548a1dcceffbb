"""An engine without networks: poses are seeded rigid copies of the conformer around the receptor or pocket."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.docking.engine import Engine
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.physics.settings import NO_PHYSICS
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.sample import DockedPoses

NUM_LATENTS = 2


def fake_models(
    *,
    lm_dim: int = 0,
    latents: bool = True,
    atom_graph=None,
    sha256: str = "f" * 64,
    physics=NO_PHYSICS,
    pose_judge=None,
) -> Any:
    """What the pipeline reads from loaded networks."""
    config = SimpleNamespace(
        sampler=SamplerConfig(),
        latent_inverse_temperature=1.0,
        guidance=GuidanceConfig(),
        lm_dim=lm_dim,
        atom_graph=atom_graph,
        calibration=None,
        pose_judge=pose_judge,
        cnn_weight=0.5,
        physics=physics,
        all_atom_confidence=None,
        expert=None,
        base="",
        score=SimpleNamespace(trunk=SimpleNamespace(num_latents=NUM_LATENTS if latents else 0)),
    )
    prior = object() if latents else None
    return SimpleNamespace(
        prior=prior,
        confidence=object(),
        contacts=None,
        expert=None,
        config=config,
        directory=Path("fake"),
        sha256=sha256,
    )


def fake_dock(models, graph, settings, *, name, on_step, states=None) -> DockedPoses:
    """Poses that depend on seed, name and pose number only, never on the batch size."""
    num_poses, num_nodes = settings.num_poses, graph.num_atoms + graph.num_residues
    random = PoseRandom(settings.seed, name, range(settings.first, settings.first + num_poses))
    shift = random.normal(3).numpy().astype(float)
    center = graph.origin if settings.pocket is None else graph.origin + np.asarray(settings.pocket.center)
    uniform = random.uniform(NUM_LATENTS + 1).numpy()
    for step in range(settings.sampler.steps):
        if on_step is not None:
            on_step(step + 1, settings.sampler.steps)
    nodes = (uniform[:, :NUM_LATENTS] * num_nodes).astype(np.int64)
    pos = graph.conformer.numpy().astype(float)[None] + shift[:, None] + center
    frames = np.stack([pos + step for step in range(settings.sampler.steps, -1, -1)], 1) if settings.record else None
    return DockedPoses(
        pos=pos,
        frames=frames,
        latent_nodes=nodes if models.prior is not None else nodes[:, :0],
        latent_log_prob=np.log(uniform[:, 0] + 1e-9),
        confidence=uniform[:, NUM_LATENTS] if models.confidence is not None else None,
    )


def fake_confidence(models, graph, pos) -> np.ndarray:
    """Logits that depend on each pose alone."""
    return pos[:, :1, 0] - graph.origin[0]


def fake_engine(dock=fake_dock, **options) -> Engine:
    """An engine around `fake_models(**options)`."""

    def dock_together(models, graphs, settings, names, *, shares, states) -> list[DockedPoses]:
        pairs = zip(graphs, names, strict=True)
        return [dock(models, graph, settings, name=name, on_step=None, states=states) for graph, name in pairs]

    return Engine(
        models=cast(Any, fake_models(**options)),
        device=torch.device("cpu"),
        dock=dock,
        confidence=fake_confidence,
        dock_together=dock_together,
    )
