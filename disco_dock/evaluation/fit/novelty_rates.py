"""Success rates by distance from the training set, from the rows of evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from disco_dock.data.novelty import (
    FORMAT,
    LIGAND_BINS,
    PROTEIN_BINS,
    Cell,
    MeasuredRates,
    NoveltyRates,
    bin_of,
)
from disco_dock.data.training_index import NearestTraining, TrainingIndex, read_index
from disco_dock.docking.novelty import nearest_training
from disco_dock.evaluation.cases import Cases, FileCases
from disco_dock.evaluation.rows import MeasuredComplex, RowFile
from disco_dock.evaluation.success import hits
from disco_dock.physics.settings import NO_PHYSICS
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.files import sha256_file
from disco_dock.weights.config import PARTS


def nearest_of_cases(index: TrainingIndex, cases: Cases) -> dict[str, NearestTraining]:
    """The nearest training complex of each complex that can be read.

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


def cells(rows: Sequence[MeasuredComplex], nearest: Mapping[str, NearestTraining]) -> tuple[Cell, ...]:
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


def measure_rates(evaluations: Sequence[Path], checkpoint: Path, sha256: str, data: Path, source: str) -> NoveltyRates:
    """Rates of every method of some evaluations that docked blindly with a checkpoint.

    Args:
        evaluations: output folders of `disco-dock evaluate`.
        checkpoint: folder with the training index.
        sha256: hash of the checkpoint as it was evaluated.
        data: folder of the complexes.
        source: which complexes these are, in words.

    Raises:
        InputError: there is no training index, or no evaluation with this checkpoint.
    """
    index = read_index(checkpoint)
    if index is None:
        raise InputError(f"{checkpoint}: has no training index; make it with `disco-dock data index`")
    methods: dict[tuple[str, int], dict[str, MeasuredComplex]] = {}
    for path in (path for folder in evaluations for path in sorted(folder.glob("*.jsonl"))):
        header = json.loads(path.open(encoding="utf-8").readline())
        blind = "in_pocket" not in header
        if header.get("checkpoint") == sha256 and "sampling" in header and blind:
            physics = json.dumps(header.get("physics", to_dict(NO_PHYSICS)), sort_keys=True)
            key = (physics, header["sampling"]["num_poses"])
            methods.setdefault(key, {}).update(RowFile(path, header, MeasuredComplex).rows)
    if not methods:
        raise InputError(f"no evaluation here docked with the checkpoint {sha256[:12]}; evaluate it first")
    ids = sorted({name for rows in methods.values() for name in rows})
    nearest = nearest_of_cases(index, FileCases(data, ids, seed=0))
    measured = [
        MeasuredRates(
            physics=from_dict(type(NO_PHYSICS), json.loads(physics)),
            num_poses=num_poses,
            source=source,
            cells=cells(list(rows.values()), nearest),
        )
        for (physics, num_poses), rows in methods.items()
    ]
    return NoveltyRates(format=FORMAT, measured=tuple(measured))


def check_same_weights(first: Path, second: Path) -> None:
    """Refuse two checkpoint folders whose networks differ.

    Raises:
        InputError: with the file that differs.
    """
    for part in PARTS:
        paths = [folder / f"{part}.safetensors" for folder in (first, second)]
        if paths[0].is_file() and sha256_file(paths[0]) != sha256_file(paths[1]):
            raise InputError(f"{paths[1]}: has other weights than {paths[0]}; give the checkpoint that was evaluated")
