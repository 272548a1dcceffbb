"""Docking in actors of a Ray cluster, each with its own networks; actors that die, alone or with their node, are
replaced, and their work comes back.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from disco_dock.runtime.errors import ConfigError, DiscoError
from disco_dock.screening.ledger.errors import EngineError
from disco_dock.screening.messages import Outcome
from disco_dock.screening.plan import Batch
from disco_dock.screening.workers.base import DocksLigands, Event, Lost, MakeDocker, chunks
from disco_dock.screening.workers.process_body import silence_libraries

QUEUED = 2  # batches that an actor has, so that it never waits for the next
STARTS = 3  # actors in a row that die before they are ready
LONGEST_TICK = 5.0  # seconds; a longer gap between two looks means that the run was paused


class DockActor:
    """The actor on a node: networks and receptor, loaded once."""

    def __init__(self, make: MakeDocker) -> None:
        """Keep the loader; `start` calls it, because an actor cannot report why its construction failed."""
        self._make = make
        self._dock: DocksLigands | None = None

    def start(self) -> tuple[int, str]:
        """Load; returns the process id, and why it cannot work or an empty string."""
        silence_libraries()
        try:
            self._dock = self._make()
        except DiscoError as error:
            return os.getpid(), str(error)
        return os.getpid(), ""

    def dock(self, batch: Batch) -> list[Outcome]:
        """The outcome of each ligand of a batch."""
        assert self._dock is not None
        return [outcome for works in chunks(batch.works, self._dock.together) for outcome in self._dock(works)]


@dataclass(eq=False)
class _Actor:
    """An actor and its work.

    Attributes:
        handle: of Ray.
        starting: the call that loads it, until it has answered.
        calls: batches with their calls, the first of which it is at.
        seconds: how long it has been at that.
        process: its process id on its node.
    """

    handle: Any
    starting: Any
    calls: deque[tuple[Any, Batch]] = field(default_factory=deque)
    seconds: float = 0.0
    process: int = 0

    @property
    def awaited(self) -> Any:
        """The call whose answer comes next, or None."""
        if self.starting is not None:
            return self.starting
        return self.calls[0][0] if self.calls else None


class RayPool:
    """`workers` actors on a cluster, or on this machine when no address is given."""

    def __init__(
        self,
        make: MakeDocker,
        workers: int,
        *,
        address: str | None,
        device: str,
        ligand_seconds: float,
        start_seconds: float = 600.0,
    ) -> None:
        """Dock with the result of `make`, which is called in each actor and can be pickled.

        Args:
            make: loads networks and receptor.
            workers: actors; each takes a processor, and a GPU when the device is one.
            address: of a running cluster, "auto" for the one of this node; None starts one here.
            device: "cuda" asks for a GPU per actor.
            ligand_seconds: time limit of a ligand.
            start_seconds: time limit for the first ready actor.

        Raises:
            ConfigError: Ray is not installed, or there are no workers.
        """
        if workers < 1:
            raise ConfigError(f"the Ray engine needs at least 1 worker, not {workers}")
        self._ray = _import_ray()
        self._make, self._count, self._address = make, workers, address
        self._gpus = 1 if device.startswith("cuda") else 0
        self._ligand_seconds, self._start_seconds = ligand_seconds, start_seconds
        self._actors: list[_Actor] = []
        self._failed_starts = 0
        self._looked = time.monotonic()

    @property
    def workers(self) -> int:
        """Number of actors."""
        return self._count

    def __enter__(self) -> RayPool:
        """Join or start a cluster, and ask for the actors."""
        local = {} if self._address else {"num_cpus": max(self._count, os.cpu_count() or 1), "include_dashboard": False}
        try:
            self._ray.init(
                address=self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                ignore_reinit_error=True,
                **local,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise EngineError(f"Ray cannot be reached ({reason}); check --ray-address and `ray status`") from error
        self._actors = [self._start() for _ in range(self._count)]
        self._looked = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """End the actors and leave the cluster."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors = []
        self._ray.shutdown()

    def process_ids(self) -> list[int]:
        """Process ids of the ready actors, each on its node."""
        return [actor.process for actor in self._actors if actor.process]

    def has_room(self) -> bool:
        """Whether a ready actor can take another batch."""
        return any(self._free(actor) for actor in self._actors)

    def submit(self, batch: Batch) -> None:
        """Give a batch to the actor with the least work."""
        actor = min(filter(self._free, self._actors), key=lambda one: len(one.calls))
        if not actor.calls:
            actor.seconds = 0.0
        actor.calls.append((actor.handle.dock.remote(batch), batch))

    def wait(self, seconds: float) -> list[Event]:
        """Outcomes of the actors; dead and stuck actors are replaced, and their work comes back as `Lost`."""
        awaited = [actor.awaited for actor in self._actors if actor.awaited is not None]
        if not awaited:
            return []
        ready, _ = self._ray.wait(awaited, num_returns=1, timeout=seconds)
        if ready:  # others may have answered too
            ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        events: list[Event] = []
        for actor in list(self._actors):
            if actor.awaited in ready:
                events.extend(self._answer(actor))
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, LONGEST_TICK), now
        for actor in list(self._actors):
            if actor.awaited is None:
                continue
            actor.seconds += passed
            if actor.starting is None and actor.seconds > self._ligand_seconds * len(actor.calls[0][1].works):
                events.extend(self._replace(actor, "timeout", f"took more than {self._ligand_seconds:g} s"))
        if all(one.starting is not None and one.seconds > self._start_seconds for one in self._actors):
            raise EngineError(
                f"no Ray actor was ready within {self._start_seconds:g} s; look with `ray status` for free "
                f"{'GPUs' if self._gpus else 'processors'}, or ask for fewer --workers"
            )
        return events

    def _free(self, actor: _Actor) -> bool:
        return actor.starting is None and len(actor.calls) < QUEUED

    def _answer(self, actor: _Actor) -> Iterator[Event]:
        """Read the answer of an actor, or notice its death."""
        try:
            value = self._ray.get(actor.awaited)
        except self._ray.exceptions.RayError as error:
            detail = " ".join(str(error).split())[:160] or type(error).__name__
            yield from self._replace(actor, "crashed", f"the actor ended: {detail}")
            return
        actor.seconds = 0.0
        if actor.starting is not None:
            actor.process, refusal = value
            actor.starting, self._failed_starts = None, 0
            if refusal:
                raise EngineError(refusal)
            return
        actor.calls.popleft()
        yield from value

    def _replace(self, actor: _Actor, reason: Literal["crashed", "timeout"], detail: str) -> Iterator[Event]:
        """End an actor, ask for another in its place, and give back its work."""
        self._ray.kill(actor.handle)
        if actor.starting is not None:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise EngineError(
                    f"{STARTS} Ray actors died before they were ready ({detail}); look at the nodes' logs"
                )
        self._actors[self._actors.index(actor)] = self._start()
        if actor.calls:
            suspects, *others = [batch.works for _, batch in actor.calls]
            rest = tuple(work for works in others for work in works)
            yield Lost(suspects=suspects, others=rest, reason=reason, detail=detail)

    def _start(self) -> _Actor:
        remote = self._ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)(DockActor)
        handle = remote.remote(self._make)
        return _Actor(handle=handle, starting=handle.start.remote())


def _import_ray() -> ModuleType:
    """Ray without its usage reports.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError("the Ray engine needs ray; pip install 'disco-dock[ray]'") from error
    return ray
