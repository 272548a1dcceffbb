"""Pose scores beside those of the product: a function of receptor, ligand and poses that `--rank-by NAME` ranks by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from disco_dock.physics.settings import ADDED_RANKINGS, RANKINGS
from disco_dock.runtime.errors import ConfigError

if TYPE_CHECKING:  # the names are asked for by `--help`, which must not wait for chemistry
    from collections.abc import Callable

    import numpy as np

    from disco_dock.chem.ligand import Ligand
    from disco_dock.chem.receptor import Receptor

ScoreFunction: TypeAlias = "Callable[[Receptor, Ligand, np.ndarray], np.ndarray]"
"""(receptor, ligand of L heavy atoms, (poses, L, 3) Angstrom in the receptor's frame) -> (poses,), higher is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseScore:
    """A score that is computed where poses are ranked by it.

    Attributes:
        name: for `--rank-by`; also its column in the results, beside `rank_<name>`.
        score: the function; NaN ranks last.
    """

    name: str
    score: ScoreFunction


POSE_SCORES: tuple[PoseScore, ...] = ()
"""Scores that are always there; a new one of the package is added here."""

_ADDED: dict[str, PoseScore] = {}


def add_pose_score(score: PoseScore) -> None:
    """Make a score known to this process under its name.

    Raises:
        ConfigError: the name is taken, or is not a lower-case identifier.
    """
    if not score.name.isidentifier() or score.name != score.name.lower():
        raise ConfigError(f"the name of a pose score is a lower-case identifier, not {score.name!r}")
    if score.name in (*RANKINGS, *_ADDED):
        raise ConfigError(f"there is a pose score {score.name!r} already; choose another name")
    _ADDED[score.name] = score
    ADDED_RANKINGS.append(score.name)


def remove_pose_score(name: str) -> None:
    """Forget a score that was added."""
    del _ADDED[name]
    ADDED_RANKINGS.remove(name)


def rankings() -> tuple[str, ...]:
    """All names that poses can be ranked by."""
    return (*RANKINGS, *_ADDED)


def added_score(name: str, receptor: Receptor, ligand: Ligand, pos: np.ndarray) -> np.ndarray | None:
    """(poses,) float64 values of an added score, or None where the name is one of the product's own.

    Raises:
        ConfigError: the score does not give one number for each pose.
    """
    if name not in _ADDED:
        return None
    import numpy as np

    values = np.asarray(_ADDED[name].score(receptor, ligand, pos), dtype=np.float64)
    if values.shape != (len(pos),):
        raise ConfigError(f"the pose score {name!r} gave an array of shape {values.shape} for {len(pos)} poses")
    return values


for _score in POSE_SCORES:
    add_pose_score(_score)
