"""How many noised poses of one complex a score model needs until it fits them: with and without displacement head.

    python benchmarks/one_complex.py [--complexes data/examples --id 1s3v] [--residues 16] [--steps 800]

The receptor is cut to the residues nearest to the ligand, so that a step is cheap; 32 noised poses per step. Prints the
losses of translation, rotation and torsions (predicting zero gives about 1 for each), means over 100 steps each. JSON
lines go to benchmarks/results/one_complex.jsonl.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import torch
from machine import report

from disco_dock.data.example import TrainingExample
from disco_dock.data.prepare import prepare
from disco_dock.data.sources import SourceFolder
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.score import ScoreModel
from disco_dock.training.presets import preset
from disco_dock.training.score.step import ScoreStage, make_score_batch

RESULTS = Path(__file__).parent / "results" / "one_complex.jsonl"
COPIES, EVERY, RATE, WARMUP = 32, 100, 2e-3, 50


def near_ligand(example: TrainingExample, residues: int) -> TrainingExample:
    """The complex with only the residues whose C-alpha atoms are nearest to the ligand."""
    graph = example.graph
    gap = torch.cdist(graph.rec_pos, example.pos_crystal).min(1).values
    kept = gap.argsort()[:residues].sort().values
    parts = {name: getattr(graph, name)[kept] for name in ("rec_type", "rec_pos", "rec_chain")}
    return replace(example, graph=replace(graph, **parts))


def run(example: TrainingExample, *, head: bool, steps: int) -> None:
    """Train on one complex and report."""
    config = preset("compact").score
    config = replace(config, displacement_head=head, trunk=replace(config.trunk, num_latents=0))
    torch.manual_seed(0)
    stage = ScoreStage(ScoreModel(config), None, igso3_table(), field_weight=0.33)
    optimiser = torch.optim.AdamW(stage.parameters(), lr=RATE, betas=(0.9, 0.98))
    sums = torch.zeros(3)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARMUP) * (0.525 + 0.475 * math.cos(math.pi * step / steps))
        batch = make_score_batch([example], config, copies=COPIES, null_rate=0.0, seed=0, step=step)
        means = stage(batch, 1.0).means()
        optimiser.zero_grad()
        means.loss.backward()
        torch.nn.utils.clip_grad_norm_(stage.parameters(), 1.0)
        optimiser.step()
        sums += torch.stack([means.tr, means.rot, means.tor]).detach()
        if (step + 1) % EVERY == 0:
            losses = dict(zip(("tr", "rot", "tor"), (sums / EVERY).tolist(), strict=True))
            line = {"head": head, "complex": example.name, "poses": (step + 1) * COPIES}
            report({**line, **{name: round(value, 3) for name, value in losses.items()}}, RESULTS)
            sums.zero_()


def main() -> int:
    """Both designs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--complexes", type=Path, default=Path(__file__).parents[1] / "data" / "examples")
    parser.add_argument("--id", default="1s3v")
    parser.add_argument("--residues", type=int, default=16)
    parser.add_argument("--steps", type=int, default=800)
    args = parser.parse_args()
    example, _ = prepare(SourceFolder(args.complexes).find(args.id))
    example = near_ligand(example, args.residues)
    for head in (False, True):
        run(example, head=head, steps=args.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
