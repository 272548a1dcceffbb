"""Seconds of the networks with random weights: score model per pose and step, and a whole training step.

    python benchmarks/network_speed.py [--presets compact disco-diffdock-s] [--poses 8] [--times 0.9 0.5 0.1]
    python benchmarks/network_speed.py --protein P.pdb --ligand L.sdf        # any complex, the ligand in its pose
    python benchmarks/network_speed.py --without kernels pruning sharing     # each measured left out, in turn
    python benchmarks/network_speed.py --device cuda --autocast bf16         # an accelerator

Prints one JSON line per measurement and appends them to benchmarks/results/network_speed.jsonl. `units` are seconds per
pose and step divided by `gemm_seconds`, measured before and after in the same run.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from machine import gemm_seconds, report

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.schedule import sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.graph.build import build_complex
from disco_dock.models import trunk as trunk_module
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.score import ScoreModel
from disco_dock.training.presets import preset
from disco_dock.training.score.step import ScoreStage, make_score_batch

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
RESULTS = Path(__file__).parent / "results" / "network_speed.jsonl"
COMPLEXES = ("1s3v", "1uou")


def example(name: str) -> TrainingExample:
    """A bundled complex with its crystal pose."""
    return complex_of(name, EXAMPLES / name / "protein.pdb", EXAMPLES / name / "ligand.sdf")


def complex_of(name: str, protein: Path, ligand_file: Path) -> TrainingExample:
    """A complex with the pose that its ligand file has."""
    receptor = read_receptor(protein)
    ligand = read_ligand(ligand_file)
    assert ligand.pos is not None
    graph = build_complex(receptor, ligand, embed(ligand.mol, seed=0).pos)
    pos = torch.from_numpy(ligand.pos - graph.origin).float()
    return TrainingExample(name=name, graph=graph, pos_matched=pos, pos_crystal=pos)


def median_seconds(function: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median over repeats after one warm-up; waits for the device."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


@contextmanager
def without(trick: str | None) -> Iterator[None]:
    """One of the savings switched off: `kernels` (torch blocks instead), `pruning` (all residues in every layer)."""
    kept = trunk_module.usable, trunk_module.needed_residues
    if trick == "kernels":
        trunk_module.usable = lambda pos: False
    if trick == "pruning":
        trunk_module.needed_residues = lambda updates, near, *_, **__: [torch.ones_like(near)] * len(updates)
    try:
        yield
    finally:
        trunk_module.usable, trunk_module.needed_residues = kept


class Bench:
    """Measurements of one preset on one complex."""

    def __init__(self, chosen: str, complex_: TrainingExample, args: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.complex, self.args, self.device = complex_, args, torch.device(args.device)
        self.sizes = preset(chosen)
        self.score = ScoreModel(self.sizes.score).to(self.device)

    def autocast(self):
        """Mixed precision when asked for."""
        kind = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[self.args.autocast]
        return nullcontext() if kind is None else torch.autocast(self.device.type, kind)

    def sampling(self, poses: int, t: float, trick: str | None) -> dict:
        """One score evaluation of many poses around the crystal pose at a time."""
        score, table = self.score.eval(), igso3_table()
        batch = collate([self.complex.graph]).to(self.device)
        sigma = float(sigmas(t, self.sizes.score.noise).tr)
        pos = (self.complex.pos_crystal + torch.randn(poses, 1, 3) * sigma).to(self.device)
        latents = self.sizes.score.trunk.num_latents
        given: dict = {}
        if latents:
            code = torch.zeros(poses, latents, batch.num_atoms + batch.num_residues, device=self.device)
            code[:, :, 0] = 1.0
            given = {"code": code, "null": torch.zeros(poses, device=self.device)}
        times = torch.full((poses,), t, device=self.device)
        rows, state = batch.expand(poses), score.trunk.receptor_state(batch)

        def evaluate() -> None:
            if trick == "sharing":
                score(rows, pos, times, table, **given)
            else:
                score(rows, pos, times, table, **given, receptor=state.expand(poses))

        with torch.no_grad(), without(trick), self.autocast():
            seconds = median_seconds(evaluate, self.args.repeats, self.device)
        return {"what": "sampling", "t": t, "poses": poses, "seconds": seconds / poses}

    def training(self, trick: str | None) -> dict:
        """One training step (noising, encoder, score model, backward) of copies of a complex with four noise draws."""
        encoder = LatentEncoder(self.sizes.encoder).to(self.device) if self.sizes.encoder is not None else None
        stage = ScoreStage(self.score, encoder, igso3_table())
        stage.train()
        count = self.args.train_complexes
        examples = [replace(self.complex, name=f"{self.complex.name}-{k}") for k in range(count)]
        batch = make_score_batch(examples, self.score.config, copies=4, null_rate=0.1, seed=0, step=0).to(self.device)

        def step() -> None:
            stage.zero_grad()
            with self.autocast():
                loss = stage(batch, 1.0).total()
            loss.backward()

        with without(trick):
            seconds = median_seconds(step, self.args.repeats, self.device)
        return {"what": "training", "graphs_per_second": len(batch.t) / seconds, "seconds": seconds / len(batch.t)}


def main() -> int:
    """Measure everything asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["compact", "disco-diffdock-s"])
    parser.add_argument("--complexes", nargs="+", default=list(COMPLEXES), choices=list(COMPLEXES))
    parser.add_argument("--protein", type=Path, help="a complex of your own, with --ligand")
    parser.add_argument("--ligand", type=Path)
    parser.add_argument("--poses", nargs="+", type=int, default=[8])
    parser.add_argument("--times", nargs="+", type=float, default=[0.9, 0.5, 0.1])
    parser.add_argument("--without", nargs="*", default=[], choices=["kernels", "pruning", "sharing"])
    parser.add_argument("--train-complexes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--autocast", default="off", choices=["off", "bf16", "fp16"])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    own = args.protein is not None
    complexes = [complex_of(args.protein.stem, args.protein, args.ligand)] if own else map(example, args.complexes)
    for complex_ in complexes:
        for chosen in args.presets:
            for trick in [None, *args.without]:
                bench = Bench(chosen, complex_, args)
                runs = [partial(bench.sampling, n, t, trick) for n in args.poses for t in args.times]
                for run in [*runs, partial(bench.training, trick)]:
                    record(chosen, complex_, trick, run, args)
    return 0


def record(chosen: str, complex_: TrainingExample, trick: str | None, run: Callable[[], dict], args) -> None:
    """Print one measurement, as JSON, and append it to the results."""
    before = gemm_seconds()
    line = {
        "preset": chosen,
        "complex": complex_.name,
        "atoms": complex_.graph.num_atoms,
        "residues": complex_.graph.num_residues,
        "without": trick or "nothing",
        **run(),
    }
    gemm = (before + gemm_seconds()) / 2
    line |= {
        "units": line["seconds"] / gemm,
        "gemm_seconds": gemm,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "threads": args.threads,
        "cores": os.cpu_count(),
        "device": args.device if args.device == "cpu" else torch.cuda.get_device_name(args.device),
        "autocast": args.autocast,
    }
    line = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}
    report(line, RESULTS)


if __name__ == "__main__":
    sys.exit(main())
