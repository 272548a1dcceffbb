"""Our Vina scores against the `vina` package on crystal poses, with the atom kinds that Vina got and with ours.

    python benchmarks/vina_parity.py COMPLEXES --split-file IDS [--count 40]

Prints one JSON line and appends it to benchmarks/results/vina_parity.jsonl; fails when any score with the same atom
kinds differs by more than 0.05 kcal/mol. Open Babel may take the tautomer of a histidine, or a tryptophan's nitrogen,
for another than ours, so that scores with our own typing can differ by more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from machine import report

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.data.prepare import CHAIN_CUTOFF, read_source_ligand
from disco_dock.data.sources import SourceFolder, read_ids
from disco_dock.evaluation.vina.parity import parity_check
from disco_dock.runtime.errors import InputError

RESULTS = Path(__file__).parent / "results" / "vina_parity.jsonl"
TOLERANCE = 0.05  # kcal/mol


def main() -> int:
    """Score both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--split-file", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    folder, same, own, left_out = SourceFolder(args.source), [], [], []
    with parity_check() as check:
        for name in read_ids(args.split_file):
            if len(same) == args.count:
                break
            try:
                source = folder.find(name)
                ligand = read_source_ligand(source)
                assert ligand.pos is not None
                receptor = read_receptor(source.protein, keep_within=(ligand.pos, CHAIN_CUTOFF))
                found = check.compare(receptor, ligand, ligand.pos)
            except (InputError, RuntimeError) as error:
                left_out.append(f"{name}: {error}")
                continue
            same.append([float(a[0] - b[0]) for a, b in zip(found.same_kinds, found.vina, strict=True)])
            own.append(float(found.own_kinds.score[0] - found.vina.score[0]))
    score, inter, intra = np.abs(same).T
    differences = {
        "complexes": len(same),
        "score_median": float(np.median(score)),
        "score_max": float(score.max()),
        "inter_max": float(inter.max()),
        "intra_max": float(intra.max()),
        "own_kinds_median": float(np.median(np.abs(own))),
        "own_kinds_max": float(np.abs(own).max()),
        "own_kinds_over_tolerance": int((np.abs(own) > TOLERANCE).sum()),
        "left_out": left_out,
    }
    report(differences, RESULTS)
    return int(score.max() > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
