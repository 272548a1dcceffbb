"""What a pose expert adds to the networks alone: python benchmarks/pose_expert.py CHECKPOINT SHARDS [options].

SHARDS are of `disco-dock data build --all-atoms`. For each complex the score model samples poses to the end; the expert
takes over from the same poses at each handover; and it starts at the true place (centroid and noise of the handover)
with random orientation and torsions, which tells what it does where the place is known. Prints the shares of complexes
with a pose below 2 and 5 Angstrom, of poses below them, and medians of the RMSD.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.example import TrainingExample
from disco_dock.data.sources import read_ids
from disco_dock.diffusion.sampler_config import EXACT, LowTemperature, SamplerConfig
from disco_dock.diffusion.schedule import sigmas
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.network_batch import Complexes
from disco_dock.sampling.pose_scores import Handover, PoseScores
from disco_dock.sampling.restraint import PocketRestraint
from disco_dock.sampling.reverse import reverse_diffusion
from disco_dock.sampling.sample import dock, inference
from disco_dock.sampling.settings import DockingSettings
from disco_dock.training.confidence.pose_errors import PoseErrors
from disco_dock.weights.networks import Models, load_models

POINT = 1e-3  # Angstrom, radius of a place that is known


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--split-file", type=Path)
    parser.add_argument("--limit", type=int, default=24, help="complexes, evenly over the list")
    parser.add_argument("--poses", type=int, default=10)
    parser.add_argument("--handover", type=float, action="append", help="Angstrom; may be repeated")
    parser.add_argument("--steps", type=int, default=20, help="of the expert")
    parser.add_argument(
        "--temperature", type=float, action="append", help="sampling temperature; 1 is the plain process"
    )
    parser.add_argument("--only-place", action="store_true", help="leave out what begins with the score model")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    models = load_models(args.checkpoint)
    dataset = ComplexDataset(args.shards, read_ids(args.split_file) if args.split_file else None)
    chosen = np.linspace(0, len(dataset) - 1, min(args.limit, len(dataset))).round().astype(int).tolist()
    rows: dict[str, list[list[float]]] = {}
    errors, begun = PoseErrors(), time.process_time()
    for number in chosen:
        example = dataset[number]
        for name, pos in measured(models, example, args).items():
            rows.setdefault(name, []).append(errors(example, pos).tolist())
    for name, rmsd in rows.items():
        print(name, json.dumps(summary(np.array(rmsd))), flush=True)
    print(f"{len(chosen)} complexes, {time.process_time() - begun:.0f} processor seconds")
    if args.out:
        args.out.write_text(json.dumps(rows))


def summary(rmsd: np.ndarray) -> dict[str, float]:
    """Rates in percent and medians of the RMSDs (complexes, poses)."""
    best = rmsd.min(1)
    rates = {f"best_under_{limit}": 100 * float((best < limit).mean()) for limit in (2, 5)}
    rates |= {f"poses_under_{limit}": 100 * float((rmsd < limit).mean()) for limit in (2, 5)}
    rates |= {"median_best": float(np.median(best)), "median": float(np.median(rmsd))}
    return {name: round(value, 2) for name, value in rates.items()}


@inference()
def measured(models: Models, example: TrainingExample, args: argparse.Namespace) -> dict[str, Tensor]:
    """Poses (poses, atoms, 3) of every way."""
    graph, noise = example.graph, models.score.config.noise
    settings = DockingSettings(num_poses=args.poses, sampler=models.config.sampler, record=True)
    found: dict[str, Tensor] = {}
    frames = None
    if not args.only_place:
        alone = replace(models, expert=None, confidence=None)
        docked = dock(alone, graph, settings, name=example.name)
        assert docked.frames is not None
        frames = torch.from_numpy(docked.frames - graph.origin).float()
        found["score model"] = frames[:, -1]
    assert models.expert is not None
    scores = PoseScores(models.expert, graph.heavy_atoms, models.device)
    for level in args.handover or [models.config.handover]:
        handover = Handover.at(level, noise, settings.sampler.steps)
        random = PoseRandom(0, example.name, range(args.poses))
        context = Complexes(replace(models, confidence=None), [graph], settings, [example.name])
        graphs = context.batch.expand(args.poses)
        centre = example.pos_crystal.mean(0)
        placed = initial_poses(
            graphs.conformer,
            graphs.topology,
            random,
            tr_sigma=0.0,
            restraint=PocketRestraint(center=centre, radius=POINT),
        )
        placed = placed + random.normal(3)[:, None] * handover.noise.tr_max
        starts = {"told the place": placed}
        if frames is not None:
            starts["with expert"] = frames[:, handover.steps]
        for temperature in args.temperature or [1.0]:
            sampler = sampler_at(temperature, args.steps)
            for name, start in starts.items():
                found[f"{name}, from {handover.noise.tr_max:.1f} A, temperature {temperature:g}"] = reverse_diffusion(
                    lambda pos, t, handover=handover, graphs=graphs: scores(graphs, pos, sigmas(t, handover.noise)),
                    start,
                    graphs.topology,
                    PoseRandom(1, example.name, range(args.poses)),
                    noise=handover.noise,
                    config=sampler,
                    name=example.name,
                )
    return found


def sampler_at(temperature: float, steps: int) -> SamplerConfig:
    """The exact reverse process, or one at a lower temperature (a number above 1)."""
    if temperature == 1.0:
        return replace(EXACT, steps=steps)
    low = LowTemperature(sampling=(temperature, temperature, temperature), sigma_data=(0.5, 0.5, 0.5))
    return replace(EXACT, steps=steps, temperature=low)


if __name__ == "__main__":
    main()
