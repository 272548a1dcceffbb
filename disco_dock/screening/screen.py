"""A whole screening run from the user's files: checks, store, libraries, workers, loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from disco_dock.screening.ledger.identity import StoreIdentity
from disco_dock.screening.ledger.lock import only_run
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.library.ingest import Ingest
from disco_dock.screening.library.library import TableColumns
from disco_dock.screening.plan import Shard
from disco_dock.screening.progress import ScreenProgress, Snapshot
from disco_dock.screening.run import Screen
from disco_dock.screening.workers.base import WorkerPool
from disco_dock.screening.workers.batching import ONE_PER_BATCH, BatchPolicy


@dataclass(frozen=True, kw_only=True)
class ScreenRequest:
    """What to screen, and where to.

    Attributes:
        libraries: files of ligands.
        columns: of libraries that are tables.
        store: file of the ledger; a new one is made, an existing one is continued.
        largest_fragment: keep the largest fragment of a salt or mixture.
        stereo_isomers: most configurations of a molecule with open stereo that are docked; 0 for one, by the seed.
        identity: what the store must have been made for.
        about: what a new store keeps for a reader, such as paths and versions.
        shard: part of the libraries.
        stop_after: seconds after which no new ligand starts, or None.
        batching: how many ligands a worker docks in one network batch.
    """

    libraries: tuple[Path, ...]
    columns: TableColumns
    store: Path
    largest_fragment: bool
    identity: StoreIdentity
    about: Mapping[str, str]
    shard: Shard = Shard()
    stop_after: float | None = None
    stereo_isomers: int = 0
    batching: BatchPolicy = ONE_PER_BATCH


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenEnd:
    """How a run ended.

    Attributes:
        snapshot: the last numbers.
        broken: why libraries could not be read to their end, one sentence each.
    """

    snapshot: Snapshot
    broken: tuple[str, ...]


PoolMaker = Callable[[], AbstractContextManager[WorkerPool]]


def run_screen(request: ScreenRequest, make_pool: PoolMaker, progress: ScreenProgress | None = None) -> ScreenEnd:
    """Start or continue a screen, until everything that can be docked is docked or the time is up.

    The libraries are opened and compared with the ledger before any worker starts.

    Args:
        request: what to do.
        make_pool: starts the workers.
        progress: receives the numbers.

    Raises:
        DiscoError: with one sentence; what is in the ledger stays.
    """
    with only_run(request.store), _open(request) as store:
        ingests = open_libraries(store, request)
        with make_pool() as pool:
            screen = Screen(
                store, ingests, pool, progress=progress, stop_after=request.stop_after, batching=request.batching
            )
            snapshot = screen.run()
    return ScreenEnd(snapshot=snapshot, broken=tuple(one.broken for one in ingests if one.broken is not None))


def open_libraries(store: Store, request: ScreenRequest) -> Sequence[Ingest]:
    """The libraries of a run, read past the records that the store holds."""
    return [
        Ingest(
            store,
            path,
            shard=request.shard,
            largest_fragment=request.largest_fragment,
            columns=request.columns,
            stereo_isomers=request.stereo_isomers,
        )
        for path in request.libraries
    ]


def _open(request: ScreenRequest) -> Store:
    """The store of a run: the existing one, if it was made for the same, or a new one."""
    if not request.store.exists():
        return Store.create(request.store, request.identity, request.about)
    store = Store.open(request.store)
    try:
        store.identity.check(request.identity, request.store)
    except BaseException:
        store.__exit__()
        raise
    return store
