"""A screening campaign on paper: a simulated scheduler with measured costs per ligand.

    python benchmarks/screen_simulation.py run.sqlite --ligands 1000000 --workers 2 64 1000 10000

The costs of the ligands are drawn from those that a store of `disco-dock screen` measured (seconds of docking per
ligand). Every worker starts for `--start` seconds, then takes batches of `--batch` ligands: from a queue that all share
(one engine with many workers), or from its own shard (an array of jobs). The one process that writes the store takes
`--write` seconds per ligand, and a worker dies once in `--mtbf` hours, which costs its batch and a new start.
Prints one JSON line per setting.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

HOUR = 3600.0


class Cluster(NamedTuple):
    """What runs the campaign.

    Attributes:
        workers: docking processes, one core each.
        start: seconds before a worker docks.
        batch: ligands that a worker takes at a time.
        write: seconds of the store's only writer per ligand.
        mtbf: hours after which a worker dies, on average.
    """

    workers: int
    start: float
    batch: int
    write: float
    mtbf: float


def measured_costs(store: Path) -> np.ndarray:
    """Seconds of docking per ligand of a finished screen."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as base:
        rows = base.execute("SELECT seconds_total FROM ligand WHERE status = 'docked'").fetchall()
    return np.array([row[0] for row in rows], dtype=float)


def batches(costs: np.ndarray, count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """(batches,) seconds of each batch of ligands drawn from the measured costs."""
    drawn = random.choice(costs, count)
    whole = -(-count // size) * size
    return np.pad(drawn, (0, whole - count)).reshape(-1, size).sum(1)


def with_deaths(seconds: np.ndarray, cluster: Cluster, random: np.random.Generator) -> np.ndarray:
    """Batches that take longer because their worker died: half of it is lost on average, and the start is repeated."""
    died = random.random(len(seconds)) < 1 - np.exp(-seconds / (cluster.mtbf * HOUR))
    return seconds + died * (random.random(len(seconds)) * seconds + cluster.start)


def shared_queue(seconds: np.ndarray, cluster: Cluster) -> float:
    """Seconds until the last batch ends when every free worker takes the next one; the writer serves them in turn."""
    free = [cluster.start] * min(cluster.workers, len(seconds))
    heapq.heapify(free)
    writer = 0.0
    for one in seconds.tolist():
        ended = heapq.heappop(free) + one
        writer = max(writer, ended) + cluster.batch * cluster.write
        heapq.heappush(free, ended)
    return max(writer, *free)


def own_shards(seconds: np.ndarray, cluster: Cluster) -> float:
    """Seconds until the last shard ends when batches are dealt out beforehand, each shard with a store of its own."""
    whole = -(-len(seconds) // cluster.workers) * cluster.workers
    shards = np.pad(seconds, (0, whole - len(seconds))).reshape(-1, cluster.workers)
    writing = cluster.batch * cluster.write * (shards > 0).sum(0)
    return float((cluster.start + shards.sum(0) + writing).max())


def main() -> int:
    """Simulate every size of the cluster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a finished screen whose costs are taken")
    parser.add_argument("--ligands", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 64, 1000, 10_000])
    parser.add_argument("--start", type=float, default=6.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--write", type=float, default=0.001)
    parser.add_argument("--mtbf", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    costs = measured_costs(args.store)
    for count in args.ligands:
        for workers in args.workers:
            cluster = Cluster(workers, args.start, args.batch, args.write, args.mtbf)
            random = np.random.default_rng(args.seed)
            seconds = with_deaths(batches(costs, count, cluster.batch, random), cluster, random)
            ideal = count * float(costs.mean()) / workers
            line = {"ligands": count, **cluster._asdict(), "ideal_hours": round(ideal / HOUR, 3)}
            for name, makespan in (("queue", shared_queue), ("shards", own_shards)):
                taken = makespan(seconds, cluster)
                line[f"{name}_hours"] = round(taken / HOUR, 3)
                line[f"{name}_efficiency"] = round(ideal / taken, 3)
            print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
