"""How far a pose can be trusted, in words, from the checkpoint's calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BANDS = (
    (0.7, "probably right"),
    (0.4, "as likely right as wrong"),
    (0.15, "more likely wrong than right"),
    (0.0, "very probably wrong"),
)
"""Lowest P(RMSD < 2 Angstrom) of each band, and what it means in words."""
NOT_AN_AFFINITY = "It is not a binding affinity: it says where a pose is, not how strongly the ligand binds."
NOT_CHECKED = (
    "The poses were not checked by PoseBusters: pip install 'disco-dock[evaluate]' and dock again, without "
    "--check-poses 0."
)
NO_INDEX = "The checkpoint has no training index, so how near this complex is to its training set is not known."
UNCALIBRATED = (
    "There is no calibration for these poses: the checkpoint has none, or they were minimised after it judged them. "
    "The confidence only puts poses in an order; it does not tell how likely any of them is right."
)


def band(probability: float) -> str:
    """The words for a probability of an RMSD below 2 Angstrom."""
    return next(words for low, words in BANDS if probability >= low)


def reliability(calibration: Mapping[str, Any] | None, threshold: float, probability: float) -> str | None:
    """What happened to held-out poses with about this probability, or None where nothing is known.

    Args:
        calibration: as in run.json.
        threshold: Angstrom.
        probability: of an RMSD below the threshold.
    """
    fit = fit_of(calibration, threshold)
    for one in () if fit is None else fit["bins"]:
        if one["low"] <= probability <= one["high"]:
            return (
                f"Of {one['poses']} held-out poses with a probability of {100 * one['low']:.0f} to "
                f"{100 * one['high']:.0f} %, {100 * one['observed']:.0f} % were within {threshold:g} Å."
            )
    return None


def fit_of(calibration: Mapping[str, Any] | None, threshold: float) -> Mapping[str, Any] | None:
    """The calibration of a threshold (Angstrom) in run.json, or None."""
    fits: Sequence[Mapping[str, Any]] = () if calibration is None else calibration["thresholds"]
    return next((fit for fit in fits if fit["threshold"] == threshold), None)


def trust(row: Mapping[str, str], calibration: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the page says about a pose: probabilities, band and reliability; all None without a calibration.

    Args:
        row: of results.csv.
        calibration: as in run.json.
    """
    near = float(row["p_rmsd_under_2"]) if row.get("p_rmsd_under_2") else None
    far = float(row["p_rmsd_under_5"]) if row.get("p_rmsd_under_5") else None
    return {
        "near": near,
        "far": far,
        "band": None if near is None else band(near),
        "reliability": None if near is None else reliability(calibration, 2.0, near),
    }
