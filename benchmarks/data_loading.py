"""Share of a training step that waits for data, and how fast batches can be made, against how fast they are used.

    python benchmarks/data_loading.py --shards SHARDS [--preset small] [--steps 30] [--workers 0 1]

Prints one JSON line per number of workers (0: a thread) and appends it to benchmarks/results/data_loading.jsonl.
`make_seconds` is the time of making a batch alone, `step_seconds` that of forward, backward and update, `waiting_share`
the part of the wall-clock time in which the training waits for a batch. The `cpu` values are the processor time of the
calling thread (run with OMP_NUM_THREADS=1), which other work on the machine changes less. The first steps are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from machine import gemm_seconds

from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.score import ScoreModel
from disco_dock.runtime.device import resolve_device
from disco_dock.runtime.precision import mixed_precision
from disco_dock.training.feeding import feed, make_plan
from disco_dock.training.networks import networks
from disco_dock.training.score.run import ScoreBatches
from disco_dock.training.score.step import ScoreStage
from disco_dock.training.settings import TrainConfig
from disco_dock.weights.networks import make_encoder

RESULTS = Path(__file__).parent / "results" / "data_loading.jsonl"
WARM_UP = 3


def measure(args: argparse.Namespace, workers: int) -> dict:
    """Train for some steps with that many workers."""
    torch.manual_seed(0)
    device = resolve_device(args.device)
    config = TrainConfig(preset=args.preset, workers=workers)
    sizes = networks(config)
    dataset = ComplexDataset(args.shards)
    plan = make_plan(dataset, config, config.copies)
    encoder = None if sizes.encoder is None else make_encoder(sizes.encoder)
    stage = ScoreStage(ScoreModel(sizes.score), encoder, igso3_table()).to(device)
    optimiser = torch.optim.AdamW(stage.parameters())
    make = ScoreBatches(dataset=dataset, plan=plan, model=sizes.score, config=config, rank=0, size=1)
    made = []
    for step in range(args.steps + WARM_UP):
        begin, cpu = time.perf_counter(), time.thread_time()
        make(step)
        made.append((time.perf_counter() - begin, time.thread_time() - cpu))
    waited, stepped, worked, rows = [], [], [], 0
    with feed(make, workers) as next_batch:
        for step in range(args.steps + WARM_UP):
            begin = time.perf_counter()
            batch = next_batch(step)
            loaded, cpu = time.perf_counter(), time.thread_time()
            optimiser.zero_grad()
            with mixed_precision(device, args.precision):
                loss = stage(batch.to(device), 1.0).means().loss
            loss.backward()
            optimiser.step()
            float(loss.detach())  # waits for the device
            if step >= WARM_UP:
                waited.append(loaded - begin)
                stepped.append(time.perf_counter() - loaded)
                worked.append(time.thread_time() - cpu)
                rows += len(batch.t)
    total = sum(waited) + sum(stepped)
    return {
        "preset": args.preset,
        "device": str(device),
        "precision": args.precision,
        "workers": workers,
        "graphs_per_second": rows / total,
        "waiting_share": sum(waited) / total,
        "step_seconds": statistics.mean(stepped),
        "make_seconds": statistics.mean(wall for wall, _ in made[WARM_UP:]),
        "step_cpu_seconds": statistics.mean(worked),
        "make_cpu_seconds": statistics.mean(cpu for _, cpu in made[WARM_UP:]),
        "complexes": len(dataset),
    }


def main() -> int:
    """Measure every number of workers; exit status 1 when the loader is a bottleneck for all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--limit", type=float, default=0.05, help="share that counts as a bottleneck")
    args = parser.parse_args()
    best = 1.0
    RESULTS.parent.mkdir(exist_ok=True)
    for workers in args.workers:
        line = {**measure(args, workers), "gemm_seconds": gemm_seconds(), "threads": torch.get_num_threads()}
        best = min(best, line["waiting_share"])
        line = {key: round(value, 5) if isinstance(value, float) else value for key, value in line.items()}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
    return int(best > args.limit)


if __name__ == "__main__":
    sys.exit(main())
