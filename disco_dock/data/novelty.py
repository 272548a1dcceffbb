"""How far a complex is from a training set, in bins, and how often docking succeeded in each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco_dock.data.training_index import NearestTraining
from disco_dock.physics.settings import EFFORT, PhysicsSettings
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.runtime.files import atomic_write

RATES_FILE = "novelty.json"
FORMAT = 1
FEW = 10  # complexes; fewer say little about a rate
PROTEIN_BINS = ((0.9, "90 % or more"), (0.5, "50 to 90 %"), (0.3, "30 to 50 %"), (0.0, "below 30 %"))
LIGAND_BINS = ((0.7, "0.7 or more"), (0.4, "0.4 to 0.7"), (0.0, "below 0.4"))
"""Lowest value of each bin and its name: of the sequence identity, and of the Tanimoto similarity."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Measured complexes of one bin of proteins and one of ligands.

    Attributes:
        protein: bin.
        ligand: bin.
        complexes: how many.
        under_2: those whose first-ranked pose is within 2 Angstrom.
        under_5: those within 5 Angstrom.
    """

    protein: str
    ligand: str
    complexes: int
    under_2: int
    under_5: int


@dataclass(frozen=True, kw_only=True)
class MeasuredRates:
    """Success by bin of one way to dock.

    Attributes:
        physics: what was done with the poses.
        num_poses: poses per complex, docked blindly.
        source: which complexes these are, in words.
        cells: those that hold a complex.
    """

    physics: PhysicsSettings
    num_poses: int
    source: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class NoveltyRates:
    """All that was measured of a checkpoint: the content of `novelty.json`."""

    format: int
    measured: tuple[MeasuredRates, ...] = ()

    def __post_init__(self) -> None:
        """Check the format."""
        if self.format != FORMAT:
            raise ConfigError(f"format {self.format} of the measured rates is not {FORMAT}; update disco-dock")


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """How near a complex is to the training set, and what that has meant.

    Attributes:
        nearest: the nearest protein and ligand.
        protein: bin of its identity.
        ligand: bin of its Tanimoto similarity.
        measured: complexes of the same bins, or None where none was measured this way.
        rates: of which `measured` is a part, or None where this way to dock was not measured.
    """

    nearest: NearestTraining
    protein: str
    ligand: str
    measured: Cell | None
    rates: MeasuredRates | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON-ready values, with the sentences and 95 % intervals."""
        near, cell = self.nearest, self.measured
        measured = None
        if cell is not None and self.rates is not None:
            measured = {
                "complexes": cell.complexes,
                "under_2": cell.under_2,
                "under_5": cell.under_5,
                "under_2_interval": [round(value, 3) for value in interval(cell.under_2, cell.complexes)],
                "source": self.rates.source,
                "num_poses": self.rates.num_poses,
            }
        return {
            "protein": {"nearest": near.protein_id, "identity": near.identity, "bin": self.protein},
            "ligand": {"nearest": near.ligand_id, "tanimoto": near.tanimoto, "bin": self.ligand},
            "measured": measured,
            "sentences": list(self.sentences()),
        }

    def sentences(self) -> tuple[str, str]:
        """What a user should know: what is nearest, and how docking fared that far from the training set."""
        near = self.nearest
        protein = (
            f"nearest protein in the training set with {100 * near.identity:.0f} % identity ({near.protein_id})"
            if near.protein_id
            else "no protein in the training set is alike"
        )
        ligand = f"nearest ligand with Tanimoto similarity {near.tanimoto:.2f} ({near.ligand_id})"
        return f"{protein}, {ligand}", self._success()

    def _success(self) -> str:
        where = f"protein identity {self.protein} and ligand similarity {self.ligand} to the training set"
        if self.rates is None:
            return f"how often poses are right with {where} was not measured for these settings"
        if self.measured is None:
            return f"how often poses are right with {where} is not known: no measured complex is like that"
        found, count = self.measured, self.measured.complexes
        low, high = interval(found.under_2, count)
        complexes = "complex" if count == 1 else "complexes"
        share = f"{100 * found.under_2 / count:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f}"
        rate = (
            f"of {count} measured {complexes} ({self.rates.source}) with {where}, the first pose was within 2 Angstrom "
            f"in {found.under_2} ({share}) and within 5 Angstrom in {found.under_5}"
        )
        return f"{rate}; so few say little" if count < FEW else rate


def bin_of(value: float, bins: Sequence[tuple[float, str]]) -> str:
    """Name of the bin of a value."""
    return next(name for low, name in bins if value >= low)


def novelty(nearest: NearestTraining, rates: NoveltyRates | None, physics: PhysicsSettings) -> Novelty:
    """The bins of a complex and the success measured in them.

    Args:
        nearest: in the training index.
        rates: of the checkpoint, or None.
        physics: what is done with the poses; rates of another way to dock are not given.
    """
    protein, ligand = bin_of(nearest.identity, PROTEIN_BINS), bin_of(nearest.tanimoto, LIGAND_BINS)
    measured = () if rates is None else rates.measured
    own = next((one for one in measured if _way(one.physics) == _way(physics)), None)
    cells = () if own is None else own.cells
    cell = next((one for one in cells if (one.protein, one.ligand) == (protein, ligand)), None)
    return Novelty(nearest=nearest, protein=protein, ligand=ligand, measured=cell, rates=own)


def _way(physics: PhysicsSettings) -> tuple[str, tuple[int, ...], str]:
    """The settings that decide poses and their order; an additional score does not."""
    effort = tuple(getattr(physics, name) for name in EFFORT) if physics.minimize == "vina" else ()
    return physics.minimize, effort, physics.rank_by


def interval(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a rate, by Wilson's score."""
    from scipy.stats import binomtest

    found = binomtest(hits, count).proportion_ci(confidence_level=0.95, method="wilson")
    return float(found.low), float(found.high)


def read_rates(directory: Path) -> NoveltyRates | None:
    """What was measured of a checkpoint, or None.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = directory / RATES_FILE
    if not path.is_file():
        return None
    try:
        return from_dict(NoveltyRates, json.loads(path.read_text(encoding="utf-8")), where=str(path))
    except (OSError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); fetch the checkpoint again") from error


def write_rates(directory: Path, rates: NoveltyRates) -> None:
    """Write the file that `read_rates` reads, atomically."""
    with atomic_write(directory / RATES_FILE, "w") as file:
        file.write(json.dumps(to_dict(rates), indent=1) + "\n")
