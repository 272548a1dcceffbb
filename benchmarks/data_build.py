"""Speed and memory of `disco-dock data build`, size of the shards, and speed of reading them.

    python benchmarks/data_build.py COMPLEXES [--split-file IDS ...] [--count 16000] [--workers 2]

With `--count` above the number of complexes their folders are linked again under other names, so that the build has as
many complexes as asked for. Memory is the sum over the command and its processes (proportional set size, sampled), the
most that was seen in each tenth of the run: it does not grow with the number of complexes. Prints one JSON line and
appends it to benchmarks/results/data_build.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import psutil
from machine import gemm_seconds

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.sources import SourceFolder, read_ids

RESULTS = Path(__file__).parent / "results" / "data_build.jsonl"
INTERVAL = 0.5  # seconds between two looks at the memory
LIMIT_GIB = 4.0


def link_complexes(source: Path, ids: list[str], total: int, root: Path) -> None:
    """A folder of links to complexes of the layout <id>/protein.pdb + ligand.sdf, `total` of them."""
    made = 0
    for copy in count():
        for name in ids:
            if made == total:
                return
            (root / (name if copy == 0 else f"{name}-{copy}")).symlink_to((source / name).resolve())
            made += 1


def memory_gib(process: psutil.Process) -> float:
    """Proportional set size of a process and its children: shared pages are counted once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 2**30


def watch(command: list[str]) -> tuple[float, list[float]]:
    """Seconds of a command, and the memory seen while it ran."""
    begin, seen = time.perf_counter(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            seen.append(memory_gib(process))
            time.sleep(INTERVAL)
    if child.returncode:
        raise SystemExit(f"the build failed with status {child.returncode}")
    return time.perf_counter() - begin, seen


def reading(out: Path) -> dict[str, float]:
    """Milliseconds to read an example in random order, and the memory that reading all of them adds."""
    before = psutil.Process().memory_info().rss
    dataset = ComplexDataset(out)
    begin = time.perf_counter()
    for number in range(0, len(dataset), max(1, len(dataset) // 2000)):
        _ = dataset[number * 7919 % len(dataset)]
    done = len(range(0, len(dataset), max(1, len(dataset) // 2000)))
    return {
        "read_ms": (time.perf_counter() - begin) / done * 1e3,
        "read_added_mib": (psutil.Process().memory_info().rss - before) / 2**20,
    }


def main() -> int:
    """Build once, watch, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--split-file", type=Path, action="append", default=[])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    ids = [name for file in args.split_file for name in read_ids(file)] or SourceFolder(args.source).names()
    total = args.count or len(ids)
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "complexes", Path(folder) / "shards"
        root.mkdir()
        link_complexes(args.source, ids, total, root)
        command = [sys.executable, "-m", "disco_dock", "data", "build", str(root), str(out)]
        seconds, seen = watch([*command, "--workers", str(args.workers)])
        size = sum(path.stat().st_size for path in out.iterdir())
        failures = len((out / "failures.csv").read_text().splitlines()) - 1
        tenths = [max(seen[k * len(seen) // 10 : (k + 1) * len(seen) // 10 + 1]) for k in range(10)]
        line = {
            "complexes": total,
            "distinct": min(total, len(ids)),
            "failures": failures,
            "workers": args.workers,
            "seconds": seconds,
            "complexes_per_second": total / seconds,
            "mb": size / 1e6,
            "bytes_per_complex": size / (total - failures),
            "peak_gib": max(seen),
            "peak_gib_by_tenth": [round(value, 3) for value in tenths],
            **reading(out),
            "gemm_seconds": gemm_seconds(),
            "cores": os.cpu_count(),
        }
    line = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line))
    if line["peak_gib"] > LIMIT_GIB:
        print(f"the build needed {line['peak_gib']} GiB, more than {LIMIT_GIB}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
