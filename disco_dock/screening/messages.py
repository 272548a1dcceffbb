"""Messages between library, ledger and workers: plain data that can be sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from disco_dock.runtime.errors import DiscoError

Status = Literal["pending", "docked", "failed", "duplicate"]
STATUSES: tuple[Status, ...] = ("pending", "docked", "failed", "duplicate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a molecule has no poses.

    Attributes:
        code: kind of the failure, such as "input", "numerics", "timeout" or "crashed".
        message: one sentence on what is wrong.
        hint: what to do, or empty.
    """

    code: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: DiscoError) -> Failure:
        """The failure of an error, whose sentence says what is wrong, then "; ", then what to do."""
        what, _, remedy = str(error).rpartition("; ")
        return cls(code=error.code, message=what or remedy, hint=remedy if what else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One molecule of a library as it enters the ledger.

    Attributes:
        position: in the library, from 0.
        name: title, on one line.
        smiles: canonical isomeric SMILES, which identifies the molecule and is docked; None if unreadable.
        heavy_atoms: of the molecule; 0 if unreadable.
        failure: why it cannot be read, or None.
    """

    position: int
    name: str
    smiles: str | None = None
    heavy_atoms: int = 0
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One ligand to dock.

    Attributes:
        id: of its row in the ledger.
        smiles: canonical isomeric SMILES.
        name: for messages.
        heavy_atoms: of the molecule.
        attempts: how often a worker died over it.
    """

    id: int
    smiles: str
    name: str
    heavy_atoms: int
    attempts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Docked:
    """The poses of a ligand.

    Attributes:
        id: of its row in the ledger.
        num_poses: poses that were sampled.
        converged: whether sampling stopped because its poses agreed.
        poses: columns of the kept poses, best first, see `schema.POSE_COLUMNS`.
        coordinates: of the kept poses, see `coordinates.pack`.
        digest: first bytes of the SHA-256 of all kept coordinates before they were rounded.
        seconds: wall time of each phase.
        state: SMILES of the state that has the poses, where several were docked; else None.
        states: how many protonation states and configurations were docked; None where none were asked for.
        meeting: how many poses have the interactions that were asked for; None where none were.
    """

    id: int
    num_poses: int
    converged: bool
    poses: tuple[dict[str, Any], ...]
    coordinates: bytes
    digest: bytes
    seconds: dict[str, float]
    state: str | None = None
    states: int | None = None
    meeting: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A ligand that has no poses."""

    id: int
    failure: Failure
    seconds: float = 0.0


Outcome = Docked | Failed
