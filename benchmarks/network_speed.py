"""Seconds of the networks with random weights: score model per pose and step, and a whole training step.

    python benchmarks/network_speed.py [--presets small disco-diffdock-s] [--poses 4 40] [--times 0.9 0.5 0.1]

Prints one JSON line per measurement and appends them to benchmarks/results/network_speed.jsonl. `units` are seconds per
pose and step divided by `gemm_seconds`, measured before and after in the same run.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from machine import gemm_seconds

from disco_dock.chem.conformers import embed
from disco_dock.chem.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.build import build_complex
from disco_dock.models.build import CheckpointConfig, Models
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.score import ScoreModel
from disco_dock.sampling.docking import DockingSettings, _Complex
from disco_dock.training.presets import preset
from disco_dock.training.score_stage import ScoreStage, make_score_batch

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
RESULTS = Path(__file__).parent / "results" / "network_speed.jsonl"
COMPLEXES = {"1s3v": "protein.pdb", "1uou": "protein.pdb"}


def example(name: str) -> TrainingExample:
    """A bundled complex with its crystal pose."""
    receptor = read_receptor(EXAMPLES / name / COMPLEXES[name])
    ligand = read_ligand(EXAMPLES / name / "ligand.sdf")
    assert ligand.pos is not None
    graph = build_complex(receptor, ligand, embed(ligand.mol, seed=0).pos)
    pos = torch.from_numpy(ligand.pos - graph.origin).float()
    return TrainingExample(name=name, graph=graph, pos_matched=pos, pos_crystal=pos)


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median over repeats after one warm-up."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def sampling(name: str, chosen: str, poses: int, t: float, repeats: int) -> dict:
    """One score evaluation of many poses near the crystal pose at a time."""
    torch.manual_seed(0)
    complex_ = example(name)
    sizes = preset(chosen)
    score = ScoreModel(sizes.score).eval()
    models = Models(
        score=score,
        encoder=None,
        prior=None,
        confidence=None,
        config=CheckpointConfig(name=chosen, score=sizes.score),
        directory=Path(),
        sha256="",
        device=torch.device("cpu"),
    )
    context = _Complex(models, complex_.graph, DockingSettings(num_poses=poses, batch_size=poses), name)
    low, high = sizes.score.noise.tr_min, sizes.score.noise.tr_max
    shift = torch.randn(poses, 1, 3) * low ** (1 - t) * high**t
    pos = complex_.pos_crystal + shift
    code = torch.zeros(poses, sizes.score.trunk.num_latents, complex_.graph.num_atoms + complex_.graph.num_residues)
    with torch.no_grad():
        seconds = median_seconds(lambda: context.scores(pos, t, code, null=True), repeats)
    return {"what": "sampling", "t": t, "poses": poses, "seconds": seconds / poses}


def training(name: str, chosen: str, repeats: int) -> dict:
    """One training step (noising, encoder, score model, backward) of two copies of a complex with four noise draws."""
    torch.manual_seed(0)
    sizes = preset(chosen)
    score = ScoreModel(sizes.score)
    encoder = LatentEncoder(sizes.encoder) if sizes.encoder is not None else None
    stage = ScoreStage(score, encoder, igso3_table())
    one = example(name)
    examples = [replace(one, name=f"{name}-{k}") for k in range(2)]
    batch = make_score_batch(examples, score.config, copies=4, null_rate=0.1, seed=0, step=0)

    def step() -> None:
        stage.zero_grad()
        stage(batch, 1.0).total().backward()

    seconds = median_seconds(step, repeats)
    return {"what": "training", "graphs_per_second": len(batch.t) / seconds, "seconds": seconds / len(batch.t)}


def main() -> int:
    """Measure everything asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["small", "disco-diffdock-s"])
    parser.add_argument("--complexes", nargs="+", default=list(COMPLEXES), choices=list(COMPLEXES))
    parser.add_argument("--poses", nargs="+", type=int, default=[4, 40])
    parser.add_argument("--times", nargs="+", type=float, default=[0.9, 0.5, 0.1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    RESULTS.parent.mkdir(exist_ok=True)
    for chosen in args.presets:
        for name in args.complexes:
            graph = example(name).graph
            runs = [partial(sampling, name, chosen, n, t, args.repeats) for n in args.poses for t in args.times]
            for run in [*runs, partial(training, name, chosen, args.repeats)]:
                before = gemm_seconds()
                line = {
                    "preset": chosen,
                    "complex": name,
                    "atoms": graph.num_atoms,
                    "residues": graph.num_residues,
                    **run(),
                }
                gemm = (before + gemm_seconds()) / 2
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                line |= {
                    "units": line["seconds"] / gemm,
                    "gemm_seconds": gemm,
                    "peak_gib": peak,
                    "threads": args.threads,
                }
                line = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
