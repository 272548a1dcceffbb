"""The one sequence of docking: the networks sample poses, physics refines them, the confidence network scores them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.docking.engine import Engine, dock_fitting
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.docking.refinement import RefinedPoses, refine
from disco_dock.graph.schema import ComplexGraph
from disco_dock.physics.core_hold import CoreHold
from disco_dock.physics.search_settings import Sphere
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.contact_network import ContactScorer
from disco_dock.ranking.contact_score import contact_score_of
from disco_dock.runtime.errors import NumericsError
from disco_dock.sampling.sample import DockedPoses, DockingSettings

OnStep = Callable[[int, int], None]
"""Called with the finished and the total units of sampling."""
Phase = Callable[[str], AbstractContextManager[None]]
"""Context manager of a named phase, which may time it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A ligand and a receptor.

    Attributes:
        receptor: for physics; None where only its graph is known.
        ligand: the molecule.
        graph: of both.
        stream: key of the random numbers.
        sphere: where minimised poses stay, or None for everywhere.
        core: atoms that the search holds, or None.
    """

    receptor: ReceptorFields | None
    ligand: Ligand
    graph: ComplexGraph
    stream: str
    sphere: Sphere | None = None
    core: CoreHold | None = None


class Samples(NamedTuple):
    """Poses before and after physics.

    Attributes:
        docked: as sampled.
        refined: the same poses after physics.
        batch_size: poses that fitted into memory together.
    """

    docked: DockedPoses
    refined: RefinedPoses
    batch_size: int


def sample_and_refine(
    engine: Engine,
    target: Target,
    sampling: DockingSettings,
    physics: PhysicsSettings,
    *,
    contacts: ContactScorer | None,
    docked: DockedPoses | None = None,
    with_strain: bool = True,
    on_step: OnStep | None = None,
    phase: Phase = nullcontext,
) -> Samples:
    """Sampled poses of one complex, and the same poses after physics.

    Args:
        engine: networks and dock function.
        target: what is docked into what.
        sampling: how to sample, from pose `sampling.first` on.
        physics: what is done with the poses.
        contacts: network of the contact score, or None for none.
        docked: the poses, where they are already sampled.
        with_strain: whether minimised poses get their strain, which takes as long as the search.
        on_step: told about the sampling.
        phase: entered for "docking" and for "physics".

    Raises:
        NumericsError: a coordinate is not finite.
        torch.OutOfMemoryError: not one pose fits into the accelerator's memory.
    """
    with phase("docking"):
        size = min(sampling.batch_size, sampling.num_poses)
        if docked is None:
            docked, size = sample(engine, target.graph, sampling, stream=target.stream, on_step=on_step)
        else:
            check_finite(docked)
    with phase("physics"):
        if target.receptor is None or not physics.scores:
            return Samples(docked, RefinedPoses.unchanged(docked.pos), size)
        score = None
        if contacts is not None:
            score = contact_score_of(contacts, target.receptor.contacts, target.ligand)
        refined = refine(
            target.receptor.receptor,
            target.receptor.field,
            target.ligand,
            docked.pos,
            physics,
            seed=sampling.seed,
            stream=target.stream,
            first=sampling.first,
            sphere=target.sphere,
            with_strain=with_strain,
            contacts=score,
            core=target.core,
        )
    return Samples(docked, refined, size)


def sample(
    engine: Engine, graph: ComplexGraph, sampling: DockingSettings, *, stream: str, on_step: OnStep | None = None
) -> tuple[DockedPoses, int]:
    """Poses of the networks, and the batch size that fitted; errors as of `sample_and_refine`."""
    docked, size = dock_fitting(engine, graph, sampling, name=stream, on_step=on_step)
    check_finite(docked)
    return docked, size


def check_finite(docked: DockedPoses) -> None:
    """Refuse poses with coordinates that are not finite.

    Raises:
        NumericsError: with the first such sample.
    """
    finite = np.isfinite(docked.pos).all((1, 2))
    if not finite.all():
        pose = int(np.flatnonzero(~finite)[0])
        raise NumericsError(f"sample {pose} has coordinates that are not finite; try another --seed or checkpoint")


def after_physics(engine: Engine, graph: ComplexGraph, docked: DockedPoses, refined: RefinedPoses) -> DockedPoses:
    """Docked poses, replaced by the minimised ones and their confidence."""
    if not refined.minimised:
        return docked
    if docked.confidence is None:
        return replace(docked, pos=refined.pos)
    logits = engine.confidence(engine.models, graph, refined.pos)
    return replace(docked, pos=refined.pos, confidence=logits[:, 0], logits=logits)
