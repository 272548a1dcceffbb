"""The identity of a store: everything that decides its poses, so that no other run is mixed in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from disco_dock.docking.runs.input_files import file_hash, settings_files
from disco_dock.docking.settings import PredictSettings
from disco_dock.interactions.fingerprint import check_asked
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.screening.ledger.errors import StoreError
from disco_dock.screening.plan import Shard


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenSettings:
    """How every ligand is docked.

    Attributes:
        predict: settings of one docking; `num_poses` is the largest number of a ligand.
        keep: best poses kept of each ligand.
        stop_when_converged: sample no more poses of a ligand once the best ones agree.
        time_budget: seconds after which no further poses of a ligand are begun, or None.
        stereo_isomers: most configurations of a molecule with open stereo, each an entry of its own; 0 for one.
        require: interactions that a kept pose must have, such as "hbond:A:MET793"; a ligand without such a pose keeps
            its best ones.
        exclude: interactions that it must not have.
    """

    predict: PredictSettings
    keep: int = 3
    stop_when_converged: bool = False
    time_budget: float | None = None
    stereo_isomers: int = 0
    require: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers and the interactions."""
        try:
            check_asked((*self.require, *self.exclude))
        except InputError as error:
            raise ConfigError(str(error)) from error
        if self.keep < 1:
            raise ConfigError(f"at least 1 pose is kept of each ligand, not {self.keep}")
        if self.time_budget is not None and not self.time_budget > 0:
            raise ConfigError(f"the time budget must be a positive number of seconds, not {self.time_budget}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreIdentity:
    """What must be the same for two runs on one store.

    Attributes:
        protein: SHA-256 of the receptor file.
        checkpoint: SHA-256 of the checkpoint.
        settings: those that change the poses, JSON-ready.
        files: SHA-256 of other files that the settings name.
        shard: part of the libraries, as i/n.
    """

    protein: str
    checkpoint: str
    settings: dict[str, Any]
    files: dict[str, str]
    shard: str

    @property
    def asked(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Interactions that kept poses must have, and those that they must not have."""
        require, exclude = (self.settings.get(name) or () for name in ("require", "exclude"))
        return tuple(map(str, require)), tuple(map(str, exclude))

    def to_json(self) -> str:
        """As kept in a store."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> StoreIdentity:
        """As read from a store.

        Raises:
            ValueError: it is not one.
        """
        try:
            found = cls(**json.loads(text))
            Shard.parse(found.shard)
        except (TypeError, RecursionError, ConfigError) as error:
            raise ValueError(f"not the identity of a store: {error}") from error
        if not (isinstance(found.settings, dict) and isinstance(found.files, dict)):
            raise ValueError("not the identity of a store: its settings are none")
        return found

    def check(self, wanted: StoreIdentity, path: Path) -> None:
        """Refuse a run that would give other poses than those in the store.

        Raises:
            StoreError: with what differs.
        """
        if found := list(self.differences(wanted)):
            raise StoreError(f"{path}: was made with {' and '.join(found)}; use the same again, or another --store")

    def differences(self, other: StoreIdentity, *, shard: bool = True) -> list[str]:
        """What differs, in words."""
        found = []
        if self.protein != other.protein:
            found.append("another protein file")
        if self.checkpoint != other.checkpoint:
            found.append("another checkpoint")
        for key in sorted(self.settings.keys() | other.settings.keys()):
            mine, theirs = self.settings.get(key), other.settings.get(key)
            if mine != theirs:
                found.append(f"{key} {json.dumps(mine)} (now {json.dumps(theirs)})")
        for key in sorted(self.files.keys() | other.files.keys()):
            if self.files.get(key) != other.files.get(key):
                found.append(f"another file of {key.replace('_', ' ')}")
        if shard and self.shard != other.shard:
            found.append(f"shard {self.shard} (now {other.shard})")
        return found


def store_identity(settings: ScreenSettings, protein: Path, checkpoint: str, shard: Shard) -> StoreIdentity:
    """The identity of a run.

    Args:
        settings: how every ligand is docked.
        protein: receptor file.
        checkpoint: SHA-256 of the checkpoint.
        shard: part of the libraries.

    Raises:
        InputError: a file cannot be read.
    """
    chosen = settings.predict.result_dict()
    del chosen["embeddings"]
    if chosen.pop("core") is None:
        del chosen["core_tolerance"]
    if chosen["pocket"]:
        del chosen["pocket"]["ligand"], chosen["pocket"]["box"]  # their content counts, not their path
    chosen.update(
        keep=settings.keep, stop_when_converged=settings.stop_when_converged, time_budget=settings.time_budget
    )
    if settings.stereo_isomers:
        chosen["stereo_isomers"] = settings.stereo_isomers
    chosen.update({name: sorted(asked) for name in ("require", "exclude") if (asked := getattr(settings, name))})
    return StoreIdentity(
        protein=file_hash(protein),
        checkpoint=checkpoint,
        settings=chosen,
        files=settings_files(settings.predict),
        shard=str(shard),
    )
