"""Pose scores beside those of the product: a function of receptor, ligand and poses that `--rank-by NAME` ranks by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from disco_dock.physics.settings import ADDED_RANKINGS, RANKINGS
from disco_dock.ranking.cnn_score import cnn_note, cnn_probability, require_rustina
from disco_dock.runtime.errors import ConfigError

if TYPE_CHECKING:  # the names are asked for by `--help`, which must not wait for chemistry
    import numpy as np

    from disco_dock.chem.ligand import Ligand
    from disco_dock.chem.receptor import Receptor

SMALLEST = 1e-6
"""Probability whose logit is taken for smaller ones."""
ScoreFunction: TypeAlias = "Callable[[Receptor, Ligand, np.ndarray], np.ndarray]"
"""(receptor, ligand of L heavy atoms, (poses, L, 3) Angstrom in the receptor's frame) -> (poses,), higher is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseScore:
    """A score that is computed where poses are ranked by it.

    Attributes:
        name: for `--rank-by`; also its column in the results, beside `rank_<name>`.
        score: the function; NaN ranks last.
        fused_as: for scores that are probabilities, the name of the contact score plus so many times (`cnn_weight` of
            the checkpoint) their logit, which ranks too; empty for none.
        check: called before any docking; raises ConfigError where the score cannot be computed.
        note: says where the score comes from, or None.
    """

    name: str
    score: ScoreFunction
    fused_as: str = ""
    check: Callable[[], None] | None = None
    note: Callable[[], str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What ranks: the score, and what it makes together with the contact score."""
        return tuple(filter(None, (self.name, self.fused_as)))


POSE_SCORES: tuple[PoseScore, ...] = (
    PoseScore(name="cnn", score=cnn_probability, fused_as="fused", check=require_rustina, note=cnn_note),
)
"""Scores that are always there; a new one of the package is added here."""

_ADDED: dict[str, PoseScore] = {}


def add_pose_score(score: PoseScore) -> None:
    """Make a score known to this process under its name.

    Raises:
        ConfigError: the name is taken, or is not a lower-case identifier.
    """
    for name in (score.name, *score.names[1:]):
        if not name.isidentifier() or name != name.lower():
            raise ConfigError(f"the name of a pose score is a lower-case identifier, not {name!r}")
        if name in rankings():
            raise ConfigError(f"there is a pose score {name!r} already; choose another name")
    _ADDED[score.name] = score
    ADDED_RANKINGS.extend(score.names)


def remove_pose_score(name: str) -> None:
    """Forget a score that was added."""
    for one in _ADDED.pop(name).names:
        ADDED_RANKINGS.remove(one)


def rankings() -> tuple[str, ...]:
    """All names that poses can be ranked by."""
    return (*RANKINGS, *ADDED_RANKINGS)


def given_rankings() -> tuple[str, ...]:
    """Names that poses of another program can be ranked by: scores that need no more than receptor and pose."""
    return ("contacts", "vina", *ADDED_RANKINGS)


def check_added_score(rank_by: str, contacts: object | None) -> None:
    """Check that an added score can be computed; nothing for the product's own names.

    Args:
        rank_by: the name that ranks.
        contacts: the checkpoint's contact score, or None.

    Raises:
        ConfigError: its package is missing, or there is no contact score that it could be fused with.
    """
    score = added(rank_by)
    if score is None:
        return
    if score.check is not None:
        score.check()
    if rank_by == score.fused_as and contacts is None:
        raise ConfigError(f"this checkpoint has no contact score to fuse with; rank by {score.name}")


def added(rank_by: str) -> PoseScore | None:
    """The score that ranks under a name, alone or with the contact score; None for the product's own names."""
    return next((score for score in _ADDED.values() if rank_by in score.names), None)


def added_scores(
    rank_by: str, receptor: Receptor, ligand: Ligand, pos: np.ndarray, contacts: np.ndarray | None, weight: float
) -> dict[str, np.ndarray]:
    """(poses,) float64 values of an added score by name, and of it with the contact score; none for another name.

    Args:
        rank_by: the name that ranks.
        receptor: with its atoms.
        ligand: of L heavy atoms.
        pos: (poses, L, 3) Angstrom in the receptor's frame.
        contacts: (poses,) contact scores, or None.
        weight: of the logit beside the contact score.

    Raises:
        ConfigError: the score does not give one number for each pose.
    """
    score = added(rank_by)
    if score is None:
        return {}
    import numpy as np

    values = np.asarray(score.score(receptor, ligand, pos), dtype=np.float64)
    if values.shape != (len(pos),):
        raise ConfigError(f"the pose score {score.name!r} gave an array of shape {values.shape} for {len(pos)} poses")
    if not score.fused_as or contacts is None:
        return {score.name: values}
    near = np.clip(values, SMALLEST, 1 - SMALLEST)
    return {score.name: values, score.fused_as: contacts + weight * np.log(near / (1 - near))}


for _score in POSE_SCORES:
    add_pose_score(_score)
