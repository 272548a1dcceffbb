"""Features of minimised poses of one complex that the judge reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

NEIGHBOURHOOD = 2.0  # Angstrom of symmetry-corrected RMSD: poses this close agree
TEMPERATURE = 1.0  # kcal/mol of the Boltzmann weights in `basin`
FLOOR = 0.01  # of shares, so that their log odds are finite
LARGEST_LEAD = 5.0  # kcal/mol or units of the contact score; larger leads over other places are cut


class Recurrence(NamedTuple):
    """How often independent searches come back to a pose: what lies within 2 Angstrom of it.

    Attributes:
        weight: (poses,) share of exp(contact score) of all minima.
        searches: (poses,) share of the searches that found such a minimum.
    """

    weight: np.ndarray
    searches: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseInputs:
    """Scores and neighbours of the poses of one complex.

    Attributes:
        energy: (poses,) Vina energy with the receptor and inside the ligand, kcal/mol.
        near: (poses, poses) bool, whether two poses are within 2 Angstrom; True on the diagonal.
        confidence: (poses,) logits of the confidence model for the minimised poses, or None without one.
        contacts: (poses,) contact scores, higher is better, or None where the checkpoint has no contact score.
        atoms: heavy atoms of the ligand.
        recurrence: what of all that was found agrees with each pose; None where the poses are all that was found.
    """

    energy: np.ndarray
    near: np.ndarray
    confidence: np.ndarray | None
    atoms: int
    contacts: np.ndarray | None = None
    recurrence: Recurrence | None = None


def energy_per_atom(facts: PoseInputs) -> np.ndarray:
    """Energy per heavy atom, kcal/mol."""
    return facts.energy / facts.atoms


def energy_gap(facts: PoseInputs) -> np.ndarray:
    """Energy above the lowest one found, kcal/mol."""
    return facts.energy - facts.energy.min()


def lead(facts: PoseInputs) -> np.ndarray:
    """Lowest energy of the poses elsewhere minus that of the pose, within +-5 kcal/mol; 5 where all poses agree."""
    return _lead(-facts.energy, facts.near)


def agreement(facts: PoseInputs) -> np.ndarray:
    """Share of the other poses within 2 Angstrom; 0 for a single pose."""
    return (facts.near.sum(1) - 1) / max(len(facts.energy) - 1, 1)


def basin(facts: PoseInputs) -> np.ndarray:
    """Log odds of the Boltzmann weight within 2 Angstrom of the pose, as a share of that of all poses."""
    return _basin(-facts.energy / TEMPERATURE, facts.near)


def log_atoms(facts: PoseInputs) -> np.ndarray:
    """Logarithm of the number of heavy atoms."""
    return np.full(len(facts.energy), np.log(facts.atoms))


def confidence(facts: PoseInputs) -> np.ndarray:
    """Logit of the confidence model."""
    assert facts.confidence is not None
    return facts.confidence


def contacts_per_atom(facts: PoseInputs) -> np.ndarray:
    """Contact score per heavy atom."""
    return _contacts(facts) / facts.atoms


def contacts_lead(facts: PoseInputs) -> np.ndarray:
    """Contact score of the pose minus the highest of the poses elsewhere, within +-5; 5 where all poses agree."""
    return _lead(_contacts(facts), facts.near)


def contacts_basin(facts: PoseInputs) -> np.ndarray:
    """The same log odds with exp(contact score) as the weight."""
    return _basin(_contacts(facts), facts.near)


def contacts_recurrence(facts: PoseInputs) -> np.ndarray:
    """The same log odds among all minima that the searches found, not among the poses alone."""
    return contacts_basin(facts) if facts.recurrence is None else _log_odds(facts.recurrence.weight)


def recurring(facts: PoseInputs) -> np.ndarray:
    """Log odds of the share of searches that found a minimum within 2 Angstrom of the pose."""
    share = facts.near.mean(1) if facts.recurrence is None else facts.recurrence.searches
    return _log_odds(share)


def _contacts(facts: PoseInputs) -> np.ndarray:
    assert facts.contacts is not None
    return facts.contacts


def _lead(score: np.ndarray, near: np.ndarray) -> np.ndarray:
    elsewhere = np.where(near, -np.inf, score).max(1)
    return np.clip(score - elsewhere, -LARGEST_LEAD, LARGEST_LEAD)


def _basin(score: np.ndarray, near: np.ndarray) -> np.ndarray:
    weight = np.exp(score - score.max())
    return _log_odds(near @ weight / weight.sum())


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log((share + FLOOR) / (1 - share + FLOOR))


EVIDENCE: Mapping[str, Callable[[PoseInputs], np.ndarray]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            *(energy_per_atom, energy_gap, lead, agreement, basin, log_atoms, confidence),
            *(contacts_per_atom, contacts_lead, contacts_basin),
            *(contacts_recurrence, recurring),
        )
    }
)
"""Features by name: functions that give (poses,) numbers, whatever the order of the poses."""


def evidence(facts: PoseInputs, names: tuple[str, ...]) -> np.ndarray:
    """(poses, names) the features of these names."""
    return np.stack([EVIDENCE[name](facts) for name in names], axis=1)
