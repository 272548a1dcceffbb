"""Which of a ligand's states, protonation states and configurations, is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from disco_dock.docking.prediction import Prediction


def state_order(vina_score: float | None, confidence: float | None) -> tuple[float, float]:
    """Sorts states best first by the first-ranked pose of each: lowest Vina score, else highest confidence.

    Contact scores and ranks compare poses of one molecule only.
    """
    return (
        float("inf") if vina_score is None else vina_score,
        float("inf") if confidence is None else -confidence,
    )


def best_state(predictions: Sequence[Prediction]) -> int:
    """Number of the best state, from 0; of equal ones the first."""
    firsts = [prediction.table[0] for prediction in predictions]
    orders = [state_order(first["vina_score"], first["confidence"]) for first in firsts]
    return min(range(len(orders)), key=orders.__getitem__)


def kept_state(predictions: Sequence[Prediction]) -> Prediction:
    """The best of a ligand's states, with a note that names them all where there are several."""
    if len(predictions) == 1:
        return predictions[0]
    best = predictions[best_state(predictions)]
    scores = [prediction.table[0]["vina_score"] for prediction in predictions]
    texts = [
        prediction.ligand.smiles if score is None else f"{prediction.ligand.smiles} ({score:.1f} kcal/mol)"
        for prediction, score in zip(predictions, scores, strict=True)
    ]
    note = f"best of {len(texts)} states: {best.ligand.name}, {best.ligand.smiles}; docked were {', '.join(texts)}"
    return replace(best, notes=(*best.notes, note))
