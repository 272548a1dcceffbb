"""RMSD and time of conformer matching against the differential evolution that DiffDock uses, on real complexes.

    python benchmarks/conformer_matching.py COMPLEXES --split-file IDS [--count 40]

Both turn the same RDKit conformer towards the same crystal pose. Evolution has DiffDock's settings: bounds of a full
turn, population 20, 20 generations, mutation 0.5 to 1, recombination 0.8, seed 0, polishing. Prints one JSON line and
appends it to benchmarks/results/conformer_matching.jsonl; fails when matching is worse by more than 0.1 Angstrom on
average.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import differential_evolution

from disco_dock.chem.conformer_matching import apply_torsions, match_to, superpose
from disco_dock.chem.conformers import embed
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.data.prepare import read_source_ligand
from disco_dock.data.sources import SourceFolder, read_ids
from disco_dock.runtime.errors import InputError

RESULTS = Path(__file__).parent / "results" / "conformer_matching.jsonl"
SETTINGS = {"maxiter": 20, "popsize": 20, "mutation": (0.5, 1.0), "recombination": 0.8, "rng": 0}
TOLERANCE = 0.1  # Angstrom


def evolved(start: np.ndarray, target: np.ndarray, torsions) -> float:
    """RMSD that differential evolution reaches."""

    def rmsd(angles: np.ndarray) -> float:
        moved = superpose(apply_torsions(start[None], torsions, angles[None]), target)[0]
        return float(np.sqrt(((moved - target) ** 2).sum(1).mean()))

    return float(differential_evolution(rmsd, [(-np.pi, np.pi)] * len(torsions.bonds), **SETTINGS).fun)


def main() -> int:
    """Match both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--split-file", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    folder, rows = SourceFolder(args.source), []
    for name in read_ids(args.split_file):
        if len(rows) == args.count:
            break
        try:
            ligand = read_source_ligand(folder.find(name))
            start = embed(ligand.mol, seed=0).pos
        except InputError:
            continue
        torsions = rotatable_bonds(ligand.mol)
        if ligand.pos is None or not len(torsions.bonds):
            continue
        begin = time.process_time()
        _, ours = match_to(ligand.mol, start, ligand.pos, torsions)
        middle = time.process_time()
        theirs = evolved(start, ligand.pos, torsions)
        rows.append((ours, theirs, middle - begin, time.process_time() - middle, len(torsions.bonds)))
    ours, theirs, seconds, evolution, torsions = np.array(rows).T
    line = {
        "complexes": len(rows),
        "mean_torsions": torsions.mean(),
        "mean_rmsd": ours.mean(),
        "mean_rmsd_evolution": theirs.mean(),
        "worse_by_0.1": int((ours > theirs + TOLERANCE).sum()),
        "better_by_0.1": int((ours < theirs - TOLERANCE).sum()),
        "milliseconds": 1e3 * seconds.mean(),
        "milliseconds_evolution": 1e3 * evolution.mean(),
    }
    line = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line))
    return int(ours.mean() > theirs.mean() + TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
