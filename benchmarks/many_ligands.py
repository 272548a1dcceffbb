"""One receptor, 100 ligands: what a run costs beyond the sampling itself.

    python benchmarks/many_ligands.py [--protein data/examples/1uou/protein.pdb] [--num-poses 10]

The ligands are the amides of 10 acids and 10 amines. Prints one JSON line and appends it to
benchmarks/results/many_ligands.jsonl: `overhead` is the time of the whole command over that of the sampling in it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import gemm_seconds, report

RESULTS = Path(__file__).parent / "results" / "many_ligands.jsonl"
EXAMPLE = Path(__file__).parents[1] / "data" / "examples" / "1uou" / "protein.pdb"
ACYL = (
    "CC(=O)",
    "c1ccccc1C(=O)",
    "Cc1ccc(cc1)C(=O)",
    "COc1ccc(cc1)C(=O)",
    "c1ccncc1C(=O)",
    "C1CCCCC1C(=O)",
    "Clc1ccccc1CC(=O)",
    "c1ccc2ccccc2c1C(=O)",
    "CC(C)CC(=O)",
    "O=c1cc[nH]cc1C(=O)",
)
AMINE = (
    "NCc1ccccc1",
    "NC1CCCC1",
    "N1CCOCC1",
    "NCCc1c[nH]c2ccccc12",
    "N1CCN(C)CC1",
    "Nc1ccc(F)cc1",
    "NCC(=O)O",
    "NCCCN(C)C",
    "Nc1nccs1",
    "NCC1CCCO1",
)


def main() -> int:
    """Run the command once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protein", default=str(EXAMPLE))
    parser.add_argument("--num-poses", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library, out = Path(folder) / "library.smi", Path(folder) / "out"
        lines = [f"{acyl}{amine} lig{i}{j}" for i, acyl in enumerate(ACYL) for j, amine in enumerate(AMINE)]
        library.write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "disco_dock", "predict", "--protein", args.protein, "--ligand", str(library)]
        begin = time.perf_counter()
        subprocess.run(
            [*command, "--num-poses", str(args.num_poses), "-o", str(out)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - begin
        timings = [json.loads(path.read_text())["timings_seconds"] for path in out.rglob("run.json")]
    stages = {stage: round(sum(one.get(stage, 0.0) for one in timings), 2) for stage in sorted(set().union(*timings))}
    line = {
        "ligands": len(timings),
        "num_poses": args.num_poses,
        "seconds": round(seconds, 2),
        "stages": stages,
        "overhead": round(seconds / stages["docking"], 3),
        "gemm_seconds": round(gemm_seconds(), 4),
    }
    report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
