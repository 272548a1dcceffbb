"""AutoDock Vina on a slice of a library: processor seconds per ligand in one receptor.

    python benchmarks/screening_vina.py library.smi --protein data/examples/1uou/protein.pdb \
        --ligand data/examples/1uou/ligand.sdf --every 50 --exhaustiveness 1 8

The maps of the box (25 Angstrom on the given ligand, or with `--blind` around the receptor) are made once and counted
apart; every ligand is embedded, prepared by Meeko and docked on one core. Prints one JSON line per setting and appends
it to benchmarks/results/screening_vina.jsonl.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import gemm_seconds, report
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.docking.vina_box_file import Box
from disco_dock.evaluation.boxes import blind_box, pocket_box
from disco_dock.evaluation.vina import process as vina_process
from disco_dock.evaluation.vina.method import require_vina
from disco_dock.runtime.capped_worker import CappedWorker

RESULTS = Path(__file__).parent / "results" / "screening_vina.jsonl"
LIMIT = 3600.0


def embedded(smiles: str) -> Chem.Mol:
    """A molecule with hydrogens and a conformer.

    Raises:
        ValueError: it cannot be embedded.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if AllChem.EmbedMolecule(mol, randomSeed=0) < 0:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError(f"{smiles}: no conformer")
    return mol


def dock_all(pdbqt: str, box: Box, library: list[str], exhaustiveness: int) -> tuple[float, list[float]]:
    """Processor seconds of the maps, and of each ligand."""
    from vina import Vina

    begin = time.process_time()
    vina = Vina(sf_name="vina", cpu=1, seed=1, verbosity=0)
    vina.set_receptor(pdbqt)
    vina.compute_vina_maps(center=box.center.tolist(), box_size=box.size.tolist())
    maps, seconds = time.process_time() - begin, []
    for smiles in library:
        begin = time.process_time()
        vina.set_ligand_from_string(vina_process.ligand_pdbqt(embedded(smiles)))
        vina.dock(exhaustiveness=exhaustiveness, n_poses=9)
        seconds.append(time.process_time() - begin)
    return maps, seconds


def main() -> int:
    """Dock the slice at each exhaustiveness."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--protein", type=Path, required=True)
    parser.add_argument("--ligand", type=Path, required=True, help="where the box is")
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--exhaustiveness", type=int, nargs="+", default=(1, 8))
    args = parser.parse_args()
    require_vina()
    receptor = read_receptor(args.protein)
    crystal = Chem.MolFromMolFile(str(args.ligand)).GetConformer().GetPositions()
    box = blind_box(receptor) if args.blind else pocket_box(np.asarray(crystal))
    library = [line.split()[0] for line in args.library.read_text().splitlines()][:: args.every]
    with tempfile.TemporaryDirectory() as folder:
        pdb, pdbqt = Path(folder) / "receptor.pdb", Path(folder) / "receptor.pdbqt"
        write_receptor_pdb(pdb, receptor)
        preparing = CappedWorker()  # Open Babel and Vina abort when both are loaded into one process
        preparing.call(vina_process.prepare_receptor, str(pdb), str(pdbqt), seconds=LIMIT)
        preparing.close()
        for exhaustiveness in args.exhaustiveness:
            maps, seconds = dock_all(str(pdbqt), box, library, exhaustiveness)
            mean = statistics.mean(seconds)
            line = {
                "protein": args.protein.parent.name,
                "box": "blind" if args.blind else "pocket",
                "exhaustiveness": exhaustiveness,
                "ligands": len(library),
                "cpu_seconds_of_maps": round(maps, 2),
                "cpu_seconds_per_ligand": round(mean, 2),
                "median": round(statistics.median(seconds), 2),
                "largest": round(max(seconds), 2),
                "ligands_per_hour_on_two_cores": round(2 * 3600 / mean),
                "gemm_seconds": round(gemm_seconds(), 4),
            }
            report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
