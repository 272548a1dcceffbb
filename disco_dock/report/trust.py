"""How far a pose can be trusted, in words, from what was measured on held-out complexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from disco_dock.ranking.reliability import band

Reliabilities = Sequence[Mapping[str, Any]]
NOT_AN_AFFINITY = "It is not a binding affinity: it says where a pose is, not how strongly the ligand binds."
NOT_CHECKED = (
    "The poses were not checked by PoseBusters: pip install 'disco-dock[evaluate]' and dock again, without "
    "--check-poses 0."
)
NO_INDEX = "The checkpoint has no training index, so how near this complex is to its training set is not known."
UNCALIBRATED = (
    "There is no probability for these poses: the checkpoint has none, or none for poses minimised in this way. "
    "The ranking only puts poses in an order; it does not tell how likely any of them is right."
)


def told(reliability: Reliabilities, threshold: float, which: str) -> Mapping[str, Any] | None:
    """What run.json tells of a threshold (Angstrom) for "all" or "first" poses, or None."""
    return next((one for one in reliability if (one["threshold"], one["which"]) == (threshold, which)), None)


def in_words(reliability: Reliabilities, threshold: float, rank: int, probability: float) -> str | None:
    """What happened to held-out poses with about this probability, or None where nothing is known.

    Args:
        reliability: as in run.json.
        threshold: Angstrom.
        rank: of the pose; the first is compared with first-ranked poses where they were measured.
        probability: of an RMSD below the threshold.
    """
    own = told(reliability, threshold, "first") if rank == 1 else None
    measured = own or told(reliability, threshold, "all")
    kind = "first-ranked poses" if own else "poses"
    for one in () if measured is None else measured["bins"]:
        if one["low"] <= probability <= one["high"]:
            return (
                f"Of {one['poses']} {kind} of held-out complexes with a probability of {100 * one['low']:.0f} to "
                f"{100 * one['high']:.0f} %, {100 * one['observed']:.0f} % were within {threshold:g} Å."
            )
    return None


def trust(row: Mapping[str, str], reliability: Reliabilities) -> dict[str, Any]:
    """What the page says about a pose: probabilities, band and reliability; all None without a probability.

    Args:
        row: of results.csv.
        reliability: as in run.json.
    """
    near = float(row["p_rmsd_under_2"]) if row.get("p_rmsd_under_2") else None
    far = float(row["p_rmsd_under_5"]) if row.get("p_rmsd_under_5") else None
    return {
        "near": near,
        "far": far,
        "band": None if near is None else band(near),
        "reliability": None if near is None else in_words(reliability, 2.0, int(row["rank"]), near),
    }
