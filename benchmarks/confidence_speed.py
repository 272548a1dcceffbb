"""Seconds and peak memory of the published all-atom confidence network with random weights on docked poses.

    python benchmarks/confidence_speed.py --protein PROTEIN --ligand LIGAND [--poses 10] [--together 1 10]

The poses are the ligand's pose in its file, moved by up to a few Angstrom. Prints one JSON line per number of poses
that go through the network together and appends it to benchmarks/results/confidence_speed.jsonl. `gemm_seconds` is a
yardstick of the machine, measured before and after; `cpu_seconds` is processor time, for machines that do other work.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

import torch
from machine import gemm_seconds, report

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.graph.build import build_complex
from disco_dock.models.all_atom.confidence import AllAtomConfidence, AllAtomConfidenceConfig
from disco_dock.sampling.all_atom_confidence import AllAtomConfidenceRunner

RESULTS = Path(__file__).parent / "results" / "confidence_speed.jsonl"
REPEATS = 3
SHIFT = 2.0  # Angstrom, standard deviation of the moves


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protein", required=True)
    parser.add_argument("--ligand", required=True)
    parser.add_argument("--poses", type=int, default=10)
    parser.add_argument("--together", type=int, nargs="+", default=[1, 10])
    args = parser.parse_args()
    torch.manual_seed(0)
    config = AllAtomConfidenceConfig()
    model = AllAtomConfidence(config).eval().requires_grad_(False)
    receptor, ligand = read_receptor(args.protein), read_ligand(args.ligand)
    assert ligand.pos is not None
    embeddings = torch.randn(len(receptor.restype), config.trunk.lm_dim).numpy()
    graph = build_complex(receptor, ligand, ligand.pos, embeddings, atom_graph=config.trunk.atom_graph)
    pos = torch.from_numpy(ligand.pos - graph.origin).float() + SHIFT * torch.randn(args.poses, 1, 3)
    begin = time.perf_counter()
    judge = AllAtomConfidenceRunner(model, graph, torch.device("cpu"))
    receptor_seconds = time.perf_counter() - begin
    for together in args.together:
        judge._chunk = together
        judge(pos[:together])
        gemm, wall, cpu = [gemm_seconds()], [], []
        for _ in range(REPEATS):
            begin = time.perf_counter(), time.process_time()
            judge(pos)
            wall.append(time.perf_counter() - begin[0])
            cpu.append(time.process_time() - begin[1])
        gemm.append(gemm_seconds())
        line = {
            "protein": Path(args.protein).name,
            "residues": graph.num_residues,
            "receptor_atoms": 0 if graph.rec_atoms is None else len(graph.rec_atoms.pos),
            "ligand_atoms": graph.num_atoms,
            "poses": args.poses,
            "together": together,
            "receptor_seconds": round(receptor_seconds, 3),
            "seconds": round(statistics.median(wall), 3),
            "cpu_seconds": round(statistics.median(cpu), 3),
            "gemm_seconds": [round(value, 4) for value in gemm],
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
            "threads": torch.get_num_threads(),
        }
        report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
