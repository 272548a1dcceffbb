"""Screening without networks: a docker whose poses follow from the SMILES, and a program that screens with it."""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from disco_dock.runtime.errors import DiscoError, NumericsError
from disco_dock.screening.ledger.coordinates import digest, pack
from disco_dock.screening.ledger.identity import StoreIdentity
from disco_dock.screening.ledger.schema import STORED_POSE_COLUMNS
from disco_dock.screening.library.library import USUAL_COLUMNS
from disco_dock.screening.messages import Docked, Failed, Failure, Outcome, Work
from disco_dock.screening.plan import Shard
from disco_dock.screening.screen import PoolMaker, ScreenEnd, ScreenRequest, run_screen
from disco_dock.screening.workers.inline import InlinePool
from disco_dock.screening.workers.processes import ProcessPool

IDENTITY = StoreIdentity(protein="p" * 64, checkpoint="c" * 64, settings={"num_poses": 8}, files={}, shard="1/1")
TAILS = ("O", "N", "F", "Cl", "Br", "S", "I", "C#N", "OC", "C(=O)O")
KEEP = 2


def amide(number: int) -> str:
    """One of 10,000 different molecules."""
    acid, amine = divmod(number, 100)
    left, right = ("C" * (1 + side // 10) + TAILS[side % 10] for side in (acid, amine))
    return f"O=C({left})N{right}"


def write_library(path: Path, count: int, start: int = 0) -> Path:
    """A SMILES file of `count` different molecules."""
    path.write_text("".join(f"{amide(number)} mol{number}\n" for number in range(start, start + count)))
    return path


@dataclass(frozen=True)
class StubPlan:
    """Makes a stub; a ligand named "poison..." kills its worker, one named "hang..." never ends.

    Attributes:
        log: file that gets the SMILES of each docked ligand as a line, or None.
        seconds: per ligand.
        refusal: why it cannot be made, or empty.
        together: ligands that it docks at a time.
    """

    log: Path | None = None
    seconds: float = 0.0
    refusal: str = ""
    together: int = 1

    def __call__(self) -> Stub:
        if self.refusal:
            raise DiscoError(self.refusal)
        return Stub(self)


class Stub:
    """Docks as its plan says, `plan.together` ligands at a time."""

    def __init__(self, plan: StubPlan) -> None:
        self.plan, self.together = plan, plan.together

    def __call__(self, works: Sequence[Work]) -> Iterator[Outcome]:
        assert len(works) <= self.together
        return map(self.dock, works)

    def dock(self, work: Work) -> Outcome:
        if work.name.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1000 if work.name.startswith("hang") else self.plan.seconds)
        if self.plan.log is not None:
            with self.plan.log.open("a") as file:
                file.write(f"{work.smiles}\n")
        if work.name.startswith("nan"):
            return Failed(id=work.id, failure=Failure.of(NumericsError("a score is not finite; use another seed")))
        return stub_docked(work)


def stub_docked(work: Work) -> Docked:
    """Poses that depend on the SMILES alone."""
    seed = int.from_bytes(hashlib.sha256(work.smiles.encode()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    pos = random.normal(size=(KEEP, work.heavy_atoms, 3)) * 5 + 20
    scores = np.sort(random.normal(size=KEEP) - 7)
    blank = dict.fromkeys(STORED_POSE_COLUMNS)
    poses = [
        {**blank, "rank": rank, "sample": rank, "vina_score": float(score), "confidence": -float(score)}
        for rank, score in enumerate(scores, start=1)
    ]
    return Docked(
        id=work.id,
        num_poses=8,
        converged=False,
        poses=tuple(poses),
        coordinates=pack(pos),
        digest=digest(pos),
        seconds={"conformer": 0.1, "docking": 1.0, "physics": 0.5, "total": 1.7},
    )


def request(
    store: Path,
    *libraries: Path,
    shard: str = "1/1",
    identity: StoreIdentity = IDENTITY,
    stereo_isomers: int = 0,
) -> ScreenRequest:
    """A request whose identity is made up."""
    return ScreenRequest(
        libraries=libraries,
        columns=USUAL_COLUMNS,
        store=store,
        largest_fragment=False,
        identity=replace(identity, shard=shard),
        about={},
        shard=Shard.parse(shard),
        stereo_isomers=stereo_isomers,
    )


def screen(
    store: Path, *libraries: Path, plan: StubPlan | None = None, shard: str = "1/1", stereo_isomers: int = 0
) -> ScreenEnd:
    """Screen with stubs in this process."""
    made = StubPlan() if plan is None else plan
    asked = request(store, *libraries, shard=shard, stereo_isomers=stereo_isomers)
    return run_screen(asked, lambda: InlinePool(made))


def query(store: Path, sql: str, *values: object) -> list[tuple]:
    """Rows of a store."""
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(sql, values).fetchall()


def statuses(store: Path) -> dict[str, int]:
    """Rows by status."""
    return dict(query(store, "SELECT status, count(*) FROM ligand GROUP BY status"))


def poses(store: Path) -> dict[str, bytes]:
    """Digest of the poses by SMILES."""
    return dict(query(store, "SELECT smiles, digest FROM ligand WHERE status = 'docked'"))


def content(store: Path) -> list[tuple]:
    """All that must be equal for equal runs: rows without times, with their poses and coordinates."""
    sql = (
        "SELECT library.name, position, ligand.name, smiles, heavy_atoms, status, error_code, message, num_poses, "
        "ligand.digest, data, rank, vina_score FROM ligand JOIN library ON library.id = library "
        "LEFT JOIN coordinates ON coordinates.ligand = ligand.id LEFT JOIN pose ON pose.ligand = ligand.id "
        "ORDER BY library.name, position, rank"
    )
    return query(store, sql)


def main() -> None:
    """Screen with stubs in processes, as a program that a test can kill."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--log", type=Path, default=None)
    args = parser.parse_args()
    plan = StubPlan(log=args.log, seconds=args.seconds)

    def processes() -> ProcessPool:
        return ProcessPool(plan, args.workers, ligand_seconds=60)

    def actors():
        from disco_dock.screening.workers.ray import RayPool

        return RayPool(plan, args.workers, address=None, device="cpu", ligand_seconds=60)

    make: PoolMaker = processes if args.engine == "processes" else actors
    run_screen(request(args.store, args.library), make)


if __name__ == "__main__":
    main()
