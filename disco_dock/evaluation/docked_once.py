"""Poses of the current complex, docked once for all methods that differ only in physics and ranking."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar, cast

import torch

from disco_dock.docking.engine import Engine
from disco_dock.docking.pocket import Pocket
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.docking.refinement import RefinedPoses
from disco_dock.docking.sample_and_refine import Target, after_physics, sample, sample_and_refine
from disco_dock.evaluation.boxes import pocket_sphere
from disco_dock.evaluation.cases import Case
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.runtime.errors import DiscoError
from disco_dock.sampling.sample import DockedPoses, DockingSettings

Value = TypeVar("Value")


class Timed(NamedTuple, Generic[Value]):
    """A value and the time that it took.

    Attributes:
        value: the result.
        seconds: wall time.
        cpu_seconds: processor time over all threads.
    """

    value: Value
    seconds: float
    cpu_seconds: float


class SharedDocking:
    """Sampled and minimised poses of the last complex; times are as if each method had done all of it.

    Args:
        engine: the networks.
        settings: how to sample.
    """

    def __init__(self, engine: Engine, settings: DockingSettings) -> None:
        self.engine, self.settings = engine, settings
        self._case: Case | None = None
        self._known: dict[Hashable, Timed[object]] = {}

    def sampling(self, case: Case, *, in_pocket: bool) -> DockingSettings:
        """How a complex is sampled: by the settings, or held in Vina's pocket box."""
        pocket = _pocket(case, in_pocket)
        return self.settings if pocket is None else replace(self.settings, pocket=pocket.restraint(case.graph.origin))

    def sampled(self, case: Case, *, in_pocket: bool) -> Timed[DockedPoses]:
        """Poses of the networks.

        Raises:
            DiscoError: not one pose can be sampled.
        """
        settings = self.sampling(case, in_pocket=in_pocket)

        def work() -> DockedPoses:
            try:
                return sample(self.engine, case.graph, settings, stream=case.name)[0]
            except torch.OutOfMemoryError as error:
                raise DiscoError("the accelerator's memory does not hold one pose of this complex") from error

        return self._once(case, in_pocket, work)

    def refined(
        self, case: Case, physics: PhysicsSettings, *, in_pocket: bool
    ) -> Timed[tuple[DockedPoses, RefinedPoses]]:
        """Poses after physics with their confidence, and their energies and scores.

        Raises:
            DiscoError: not one pose can be sampled, or physics cannot be done.
        """
        docked, seconds, cpu_seconds = self.sampled(case, in_pocket=in_pocket)
        if case.receptor is None:
            return Timed((docked, RefinedPoses.unchanged(docked.pos)), seconds, cpu_seconds)
        receptor = case.receptor

        def work() -> tuple[DockedPoses, RefinedPoses]:
            pocket = _pocket(case, in_pocket)
            target = Target(
                receptor=ReceptorFields(receptor=receptor),
                ligand=case.ligand,
                graph=case.graph,
                stream=case.name,
                sphere=None if pocket is None else pocket.sphere(),
            )
            contacts = self.engine.models.contacts
            refined = sample_and_refine(
                self.engine, target, self.settings, physics, contacts=contacts, docked=docked
            ).refined
            return after_physics(self.engine, case.graph, docked, refined), refined

        # the ranking only decides whether there are scores at all
        key = (in_pocket, replace(physics, rank_by="vina") if physics.scores else physics)
        after = self._once(case, key, work)
        return Timed(after.value, seconds + after.seconds, cpu_seconds + after.cpu_seconds)

    def _once(self, case: Case, key: Hashable, make: Callable[[], Value]) -> Timed[Value]:
        if case is not self._case:
            self._case, self._known = case, {}
        if key not in self._known:
            begin, cpu = time.perf_counter(), time.process_time()
            value = make()
            self._known[key] = Timed(value, time.perf_counter() - begin, time.process_time() - cpu)
        return cast(Timed[Value], self._known[key])


def _pocket(case: Case, in_pocket: bool) -> Pocket | None:
    return pocket_sphere(case.crystal) if in_pocket else None
