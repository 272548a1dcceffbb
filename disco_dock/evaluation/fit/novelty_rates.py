"""Success by distance from the training set, from the rows of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from disco_dock.data.novelty import LIGAND_BINS, PROTEIN_BINS, Cell, bin_of
from disco_dock.data.training_index import NearestTraining, TrainingIndex
from disco_dock.docking.novelty import nearest_training
from disco_dock.evaluation.cases import Cases
from disco_dock.evaluation.rows import Row
from disco_dock.evaluation.success import hits
from disco_dock.runtime.errors import DiscoError, InputError


def nearest_of_cases(index: TrainingIndex, cases: Cases) -> dict[str, NearestTraining]:
    """What is nearest in the training set to each complex that can be read.

    Raises:
        InputError: they come from shards, which hold no receptors.
    """
    if not cases.has_files:
        raise InputError("the distance from the training set needs the files of the complexes, and these are shards")
    found = {}
    for name in cases.ids:
        try:
            case = cases.load(name)
        except DiscoError:  # a miss in every rate, of which nothing is known
            continue
        assert case.receptor is not None
        found[name] = nearest_training(index, case.receptor, case.ligand)
    return found


def cells(rows: Sequence[Row], nearest: Mapping[str, NearestTraining]) -> tuple[Cell, ...]:
    """Success of the first-ranked pose in each pair of bins that holds a complex; failures count as misses.

    Args:
        rows: of one method.
        nearest: by id; complexes without are left out.
    """
    known = [row for row in rows if row.id in nearest]
    under_2, under_5 = (hits(known, 1, limit) for limit in (2.0, 5.0))
    bins = [
        (bin_of(nearest[row.id].identity, PROTEIN_BINS), bin_of(nearest[row.id].tanimoto, LIGAND_BINS)) for row in known
    ]
    out = []
    for _, protein in PROTEIN_BINS:
        for _, ligand in LIGAND_BINS:
            own = np.array([pair == (protein, ligand) for pair in bins], dtype=bool)
            if own.any():
                counts = {
                    "complexes": int(own.sum()),
                    "under_2": int(under_2[own].sum()),
                    "under_5": int(under_5[own].sum()),
                }
                out.append(Cell(protein=protein, ligand=ligand, **counts))
    return tuple(out)
