"""One receptor, 100 ligands: what a run costs beyond the sampling itself.

    python benchmarks/many_ligands.py [--protein data/examples/1uou/protein.pdb] [--num-poses 10]
    python benchmarks/many_ligands.py --together --num-poses 2

The ligands are the amides of 10 acids and 10 amines. Prints one JSON line and appends it to
benchmarks/results/many_ligands.jsonl: `overhead` is the time of the whole command over that of the sampling in it.
`--together` compares, in processor time, the sampling of ligands that share network batches on a CPU with that of each
alone; `disco-dock screen` shares with up to 4 poses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import gemm_seconds, report

from disco_dock.docking.engine import load_engine
from disco_dock.docking.prepare import PreparedComplex, prepare_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.settings import PredictSettings
from disco_dock.sampling.sample import dock
from disco_dock.sampling.several_ligands import Shape, cpu_shares, dock_together, shape_of
from disco_dock.screening.library.entries import canonical_ligand

GROUP = 4  # ligands of a batch where a CPU would not share
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
    """Run the command once, or compare ligands that share network batches with each alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protein", default=str(EXAMPLE))
    parser.add_argument("--num-poses", type=int, default=10)
    parser.add_argument("--together", action="store_true", help="measure network batches of several ligands")
    args = parser.parse_args()
    report(together(args) if args.together else whole_command(args), RESULTS)
    return 0


def library() -> list[str]:
    """SMILES of the amides."""
    return [f"{acyl}{amine}" for acyl in ACYL for amine in AMINE]


def whole_command(args: argparse.Namespace) -> dict:
    """What `disco-dock predict` takes for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "library.smi", Path(folder) / "out"
        file.write_text("".join(f"{smiles} lig{number}\n" for number, smiles in enumerate(library())))
        command = [sys.executable, "-m", "disco_dock", "predict", "--protein", args.protein, "--ligand", str(file)]
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
    return {
        "ligands": len(timings),
        "num_poses": args.num_poses,
        "seconds": round(seconds, 2),
        "stages": stages,
        "overhead": round(seconds / stages["docking"], 3),
        "gemm_seconds": round(gemm_seconds(), 4),
    }


def together(args: argparse.Namespace) -> dict:
    """Processor seconds of sampling per ligand, alone and with others of its size, and how far the poses differ."""
    protein, settings = Path(args.protein), PredictSettings(num_poses=args.num_poses)
    engine, states = load_engine(None, "cpu"), {}
    store = ReceptorStore(settings, 0, [protein])
    shares = cpu_shares(args.num_poses)
    places = list(range(shares)) if shares > 1 else None
    ligands = [canonical_ligand(smiles, smiles) for smiles in library()]
    ready = [prepare_complex(engine, settings, store, protein, ligand) for ligand in ligands]
    by_shape: dict[Shape, list[PreparedComplex]] = {}
    for one in ready:
        by_shape.setdefault(shape_of(one.graph), []).append(one)
    size = max(shares, GROUP)
    most = shares if places else size
    groups = [some[:size] for _, some in sorted(by_shape.items()) if len(some) >= size][::2]
    dock(engine.models, ready[0].graph, ready[0].sampling, states=states)  # compiles, and computes the receptor
    begin = time.process_time()
    alone = [
        [dock(engine.models, one.graph, one.sampling, name=one.stream, states=states) for one in group]
        for group in groups
    ]
    alone_seconds, begin = time.process_time() - begin, time.process_time()
    shared = []
    for group in groups:
        for part in (group[at : at + most] for at in range(0, size, most)):
            graphs, names = [one.graph for one in part], [one.stream for one in part]
            shared += dock_together(engine.models, graphs, part[0].sampling, names, shares=places, states=states)
    shared_seconds = time.process_time() - begin
    pairs = list(zip((one for group in alone for one in group), shared, strict=True))
    return {
        "question": "ligands in one network batch",
        "num_poses": args.num_poses,
        "ligands": len(pairs),
        "atoms": [group[0].graph.num_atoms for group in groups],
        "ligands_per_batch": most,
        "alone_cpu_seconds": round(alone_seconds / len(pairs), 3),
        "together_cpu_seconds": round(shared_seconds / len(pairs), 3),
        "same_bits": all(np.array_equal(a.pos, b.pos) for a, b in pairs),
        "farthest_angstrom": max(float(np.abs(a.pos - b.pos).max()) for a, b in pairs),
        "gemm_seconds": round(gemm_seconds(), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
