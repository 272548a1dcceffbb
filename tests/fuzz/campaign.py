"""Many cases through worker processes: every crash, hang and excess of memory is caught and named by its case."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import psutil

from tests.fuzz.cases import KINDS

ROOT = Path(__file__).parents[2]
CPU_SECONDS = 10.0
"""Most processor time of a case; a case that takes more hangs."""
IDLE_SECONDS = 600.0
"""Most wall time of a case: one that waits for something that never comes; the machine may be busy meanwhile."""
ALLOWANCE_MIB = 2048
"""Address space of the worker beyond what it has when it starts."""
MAX_MIB = 512.0
"""Most resident memory of a case beyond what the worker has before it."""
GOOD = ("accepted", "refused")


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        kind: see `cases.KINDS`.
        seed: of the run.
        index: of the case.
        outcome: "accepted", "refused" (with one sentence), or a finding: "traceback", "sentence" (not one),
            "stray" (something written outside the output folder), "crash", "hang" or "memory".
        error: of a finding.
        seconds: processor time.
        mib: peak of resident memory above that before.
    """

    kind: str
    seed: int
    index: int
    outcome: str
    error: str = ""
    seconds: float = 0.0
    mib: float = 0.0


class Worker:
    """A worker process, started again after it dies."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            environment = {
                "DISCO_DOCK_CACHE": str(self._scratch / "cache"),
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONHASHSEED": "0",
            }
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker", str(self._scratch), str(ALLOWANCE_MIB)],
                **{"cwd": ROOT, "env": environment, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline() != "ready\n":
                raise RuntimeError("the fuzzing worker could not be started")
        return self._process

    def run(self, kind: str, seed: int, index: int) -> Result:
        """The result of one case."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        clock = psutil.Process(process.pid)
        begin, used = time.monotonic(), sum(clock.cpu_times()[:2])
        process.stdin.write(json.dumps([kind, seed, index]) + "\n")
        process.stdin.flush()
        while not select.select([process.stdout], [], [], 0.5)[0]:
            spent, waited = sum(clock.cpu_times()[:2]) - used, time.monotonic() - begin
            if spent > CPU_SECONDS or waited > IDLE_SECONDS:
                self.close()
                return Result(kind, seed, index, "hang", f"{spent:.1f} s of processor time in {waited:.1f} s", spent)
        line = process.stdout.readline()
        if not line:
            status = process.wait()
            self._process = None
            return Result(kind, seed, index, "crash", f"the process ended with status {status}")
        found = json.loads(line)
        if found["outcome"] in GOOD and found["mib"] > MAX_MIB:
            found |= {"outcome": "memory", "error": f"{found['mib']:.0f} MiB"}
        if found["outcome"] in GOOD and found["seconds"] > CPU_SECONDS:
            found |= {"outcome": "hang", "error": f"{found['seconds']:.1f} s of processor time"}
        return Result(kind, seed, index, **found)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def plan(count: int, kinds: Iterable[str] = KINDS) -> list[tuple[str, int]]:
    """(kind, index) of `count` cases, shared among the kinds by their weights; at least one of each."""
    kinds = list(kinds)
    ends = list(accumulate(KINDS[kind].weight for kind in kinds))
    bounds = [0, *(round(count * end / ends[-1]) for end in ends)]
    shares = zip(kinds, bounds, bounds[1:], strict=False)
    return [(kind, index) for kind, start, end in shares for index in range(max(1, end - start))]


def campaign(cases: Iterable[tuple[str, int, int]], scratch: Path) -> Iterator[Result]:
    """The results of cases (kind, seed, index), in order."""
    worker = Worker(scratch)
    try:
        for case in cases:
            yield worker.run(*case)
    finally:
        worker.close()


def as_line(result: Result) -> str:
    """A result as a line of JSON."""
    return json.dumps(asdict(result))
