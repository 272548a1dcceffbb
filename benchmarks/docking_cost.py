"""Seconds and peak memory of `disco-dock predict`, as a user would run it.

    python benchmarks/docking_cost.py --protein data/examples/1uou/protein.pdb --ligand data/examples/1uou/ligand.sdf
    python benchmarks/docking_cost.py --preset disco-diffdock-s --protein P --ligand L    # random weights of that size

Prints one JSON line and appends it to benchmarks/results/docking_cost.jsonl. `gemm_seconds` is a calibration of the
machine measured in the same run: compare seconds / gemm_seconds between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "docking_cost.jsonl"


def random_checkpoint(chosen: str, folder: Path) -> Path:
    """A checkpoint of a preset with random weights: as costly as a trained one."""
    import torch

    from disco_dock.models.confidence import ConfidenceModel
    from disco_dock.models.prior import LatentPrior
    from disco_dock.models.score import ScoreModel
    from disco_dock.training.presets import preset
    from disco_dock.weights.config import CheckpointConfig, write_config
    from disco_dock.weights.networks import save_part

    torch.manual_seed(0)
    sizes = preset(chosen)
    save_part(folder, "score", ScoreModel(sizes.score))
    if sizes.prior is not None:
        save_part(folder, "prior", LatentPrior(sizes.prior))
    save_part(folder, "confidence", ConfidenceModel(sizes.confidence))
    config = CheckpointConfig(name=chosen, score=sizes.score, prior=sizes.prior, confidence=sizes.confidence)
    write_config(folder, config)
    return folder


def main() -> int:
    """Run the command once and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protein", required=True)
    parser.add_argument("--ligand", required=True)
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--checkpoint")
    parser.add_argument("--preset", help="random weights of a preset instead of a checkpoint")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.preset:
            args.checkpoint = str(random_checkpoint(args.preset, Path(folder) / "weights"))
        command = [sys.executable, "-m", "disco_dock", "predict", "--protein", args.protein, "--ligand", args.ligand]
        command += [
            "--num-poses",
            str(args.num_poses),
            "--steps",
            str(args.steps),
            "--batch-size",
            str(args.batch_size),
        ]
        command += ["--checkpoint", args.checkpoint] if args.checkpoint else []
        begin = time.perf_counter()
        out = Path(folder) / "out"
        subprocess.run([*command, "-o", str(out)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        record = json.loads((out / "run.json").read_text())
    from machine import gemm_seconds, report

    from disco_dock.chem.ligands.read_ligand import read_ligand
    from disco_dock.chem.read_receptor import read_receptor

    line = {
        "protein": args.protein,
        "residues": len(read_receptor(args.protein).restype),
        "ligand_atoms": read_ligand(args.ligand).mol.GetNumAtoms(),
        "num_poses": args.num_poses,
        "steps": args.steps,
        "batch_size": args.batch_size,
        "checkpoint": args.preset or record["checkpoint"]["sha256"][:12],
        "seconds": round(seconds, 2),
        "docking_seconds": record["timings_seconds"]["docking"],
        "peak_gib": round(peak, 3),
        "gemm_seconds": round(gemm_seconds(), 4),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "cores": os.cpu_count(),
    }
    report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
