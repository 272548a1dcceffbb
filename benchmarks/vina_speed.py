"""Vina energies with gradient, and Monte-Carlo moves, per second on one thread, on the bundled complexes.

    OMP_NUM_THREADS=1 python benchmarks/vina_speed.py

Prints one JSON line and appends it to benchmarks/results/vina_speed.jsonl; fails below 20,000 energies per second for a
ligand of up to 27 atoms. Times are of the processor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import gemm_seconds, report

from disco_dock.chem.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.physics.search_settings import SearchSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
RESULTS = Path(__file__).parent / "results" / "vina_speed.jsonl"
POSES, MOVES, ENOUGH = 4000, 50, 20_000


def seconds(work: Callable[[], object]) -> float:
    """Processor time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> int:
    """Time both on every example."""
    torch.set_num_threads(1)
    found = {}
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        receptor = read_receptor(next(folder.glob("protein.pdb*")))
        ligand = read_ligand(str(folder / "ligand.sdf"))
        assert ligand.pos is not None
        field: list[VinaField] = []
        prepare = seconds(lambda field=field, receptor=receptor: field.append(VinaField(receptor)))
        scorer = VinaScorer(field[0], ligand.mol)
        start = ligand.pos + np.random.default_rng(0).normal(size=(POSES, 1, 3))
        scorer.energies(start[:10])
        rate = POSES / seconds(lambda scorer=scorer, start=start: scorer.energies(start))
        settings = SearchSettings(moves=MOVES)
        spent = seconds(lambda scorer=scorer, start=start, s=settings: scorer.search(start[:10], range(10), s))
        found[folder.name] = {
            "atoms": ligand.num_atoms,
            "receptor_atoms": len(field[0].receptor.pos),
            "prepare_seconds": round(prepare, 3),
            "energies_per_second": round(rate),
            "moves_per_second": round(10 * MOVES / spent),
        }
    report({"gemm_seconds": round(gemm_seconds(), 4), **found}, RESULTS)
    return int(min(entry["energies_per_second"] for entry in found.values() if entry["atoms"] <= 27) < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
