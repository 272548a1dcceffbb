"""Vina energies with gradient, and Monte-Carlo moves, per second on one thread, on the bundled complexes.

    OMP_NUM_THREADS=1 python benchmarks/vina_speed.py [--vina]

`--vina` gives the moves per second of AutoDock Vina too, in a box of 25 Angstrom around the ligand.
Prints one JSON line and appends it to benchmarks/results/vina_speed.jsonl; fails below 20,000 energies per second for a
ligand of up to 27 atoms. Times are of the processor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import gemm_seconds, report

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.evaluation.boxes import pocket_box
from disco_dock.evaluation.vina import process
from disco_dock.physics.search_settings import SearchSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.runtime.capped_worker import CappedWorker

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
RESULTS = Path(__file__).parent / "results" / "vina_speed.jsonl"
POSES, MOVES, ENOUGH = 4000, 50, 20_000
CHAINS, LONG = 64, 200  # searches on maps and moves of each


def seconds(work: Callable[[], object]) -> float:
    """Processor time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def vina_moves(receptor: Receptor, ligand: Ligand) -> float:
    """Moves per second of AutoDock Vina."""
    assert ligand.pos is not None
    box = pocket_box(ligand.pos)
    with tempfile.TemporaryDirectory() as folder, CappedWorker() as preparing, CappedWorker() as docking:
        pdb, pdbqt = Path(folder) / "receptor.pdb", Path(folder) / "receptor.pdbqt"
        write_receptor_pdb(pdb, receptor)
        preparing.call(process.prepare_receptor, str(pdb), str(pdbqt), seconds=120.0)
        where = (box.center.tolist(), box.size.tolist())
        return docking.call(process.moves_per_second, str(pdbqt), pose_mol(ligand, ligand.pos), *where, seconds=600.0)


def main() -> int:
    """Time everything on every example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vina", action="store_true")
    args = parser.parse_args()
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
        chains, long = (start[:CHAINS], range(CHAINS)), SearchSettings(moves=LONG)
        on_maps = [seconds(lambda s=scorer, c=chains, n=long: s.search_basins(*c, n)) for _ in range(2)]
        found[folder.name] = {
            "atoms": ligand.num_atoms,
            "receptor_atoms": len(field[0].receptor.pos),
            "prepare_seconds": round(prepare, 3),
            "energies_per_second": round(rate),
            "moves_per_second": round(10 * MOVES / spent),
            "maps_seconds": round(on_maps[0] - on_maps[1], 3),
            "moves_per_second_on_maps": round(CHAINS * LONG / on_maps[1]),
            **({"moves_per_second_of_vina": round(vina_moves(receptor, ligand))} if args.vina else {}),
        }
    report({"gemm_seconds": round(gemm_seconds(), 4), **found}, RESULTS)
    return int(min(entry["energies_per_second"] for entry in found.values() if entry["atoms"] <= 27) < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
