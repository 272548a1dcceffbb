"""Sampling of ligands that share a network batch; a failing batch is halved until the culprit is alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from disco_dock.docking.engine import Engine
from disco_dock.docking.prepare import PreparedComplex
from disco_dock.runtime.errors import DiscoError
from disco_dock.sampling.network_batch import ReceptorStates
from disco_dock.sampling.sample import DockedPoses
from disco_dock.sampling.several_ligands import Shape, shape_of
from disco_dock.screening.messages import Work
from disco_dock.screening.workers.batching import BatchPolicy

OUT_OF_MEMORY = (MemoryError, torch.OutOfMemoryError)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedLigand:
    """A ligand that waits for the networks.

    Attributes:
        work: it.
        complex: the same, prepared.
        seconds: that preparing it took.
    """

    work: Work
    complex: PreparedComplex
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampled:
    """Poses of a ligand from a shared network batch.

    Attributes:
        ready: the ligand.
        docked: its poses, or why there are none.
        seconds: its share of the time of the batch.
    """

    ready: PreparedLigand
    docked: DockedPoses | Exception
    seconds: float


class GroupDocker:
    """Samples poses of ligands in one receptor, several ligands at a time."""

    def __init__(self, engine: Engine, batching: BatchPolicy, states: ReceptorStates) -> None:
        """Dock with the networks of an engine; `states` of the receptor are filled here."""
        self._engine, self._batching, self._states = engine, batching, states
        self._fitting: dict[int, int] = {}  # ligands that fitted by number of atoms, where not all did

    def groups(self, ready: Sequence[PreparedLigand]) -> list[list[PreparedLigand]]:
        """Ligands that can share a batch: of one number of atoms, on a CPU of one shape and different shares."""
        open_groups: list[list[PreparedLigand]] = []
        for one in ready:
            group = next((group for group in open_groups if self._fits(one, group)), None)
            if group is None:
                open_groups.append([one])
            else:
                group.append(one)
        return open_groups

    def _fits(self, one: PreparedLigand, group: Sequence[PreparedLigand]) -> bool:
        if len(group) >= self._most(one.complex.graph.num_atoms) or self._shape(one) != self._shape(group[0]):
            return False
        share = self._batching.share(one.work)
        return not self._batching.places or all(self._batching.share(other.work) != share for other in group)

    def _shape(self, one: PreparedLigand) -> Shape | int:
        return shape_of(one.complex.graph) if self._batching.places else one.complex.graph.num_atoms

    def _most(self, atoms: int) -> int:
        """Ligands of a batch, by what has fitted into memory so far."""
        return min((count for known, count in self._fitting.items() if known <= atoms), default=self._batching.ligands)

    def sample(self, group: Sequence[PreparedLigand]) -> Iterator[Sampled]:
        """Poses of each ligand, or its error."""
        begin = time.perf_counter()
        error: Exception
        try:
            found = self._engine.dock_together(
                self._engine.models,
                [one.complex.graph for one in group],
                group[0].complex.sampling,
                [one.complex.stream for one in group],
                shares=[self._batching.share(one.work) for one in group] if self._batching.places else None,
                states=self._states,
            )
        except (DiscoError, *OUT_OF_MEMORY) as caught:
            error = caught.with_traceback(None)  # the traceback would keep the tensors of the batch alive
        else:
            seconds = (time.perf_counter() - begin) / len(group)
            for one, docked in zip(group, found, strict=True):
                yield Sampled(ready=one, docked=docked, seconds=seconds)
            return
        if len(group) == 1:
            yield Sampled(ready=group[0], docked=error, seconds=time.perf_counter() - begin)
            return
        half = len(group) // 2
        if isinstance(error, OUT_OF_MEMORY):
            self._fitting[group[0].complex.graph.num_atoms] = half
            torch.cuda.empty_cache()
        for part in (group[:half], group[half:]):
            yield from self.sample(part)
