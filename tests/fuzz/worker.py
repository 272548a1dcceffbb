"""The process that reads the cases: one line of JSON in, one line out, so that a crash or hang is known by its case."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path

MIB = 1 << 20


def peak_mib() -> float:
    """Largest resident size since `forget_peak`, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak() -> float:
    """Start counting the peak again, and return the resident size in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mib()


def listing(folder: Path) -> set[tuple[str, int, int]]:
    """Everything below a folder but the output folder: names, sizes and times of change."""
    found = set()
    for place, folders, files in os.walk(folder):
        if Path(place) == folder and "out" in folders:
            folders.remove("out")
        for name in (*folders, *files):
            facts = os.lstat(os.path.join(place, name))
            size = 0 if name in folders else facts.st_size
            found.add((os.path.join(place, name), size, 0 if name in folders else facts.st_mtime_ns))
    return found


FORBIDDEN = ("/etc/disco-dock-stray", "/tmp/disco-dock-stray", "/disco-dock-stray", "/etc/disco-dock-stray.sdf")
"""Absolute names that cases ask for."""


def forbidden_files() -> set[tuple[str, int, int]]:
    """What lies at the forbidden names: names, sizes and times of change; others may have put it there before."""
    found = set()
    for name in FORBIDDEN:
        if os.path.lexists(name):
            facts = os.lstat(name)
            found.add((name, facts.st_size, facts.st_mtime_ns))
    return found


def answer(kind: str, seed: int, index: int, folder: Path) -> dict:
    """Write a case, read it and tell what happened."""
    from disco_dock.runtime.errors import DiscoError
    from tests.fuzz.broken import BROKEN
    from tests.fuzz.cases import KINDS, case_random
    from tests.fuzz.readers import BadAnswerError, one_sentence

    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "case"
    place.mkdir(parents=True)
    chosen = {**KINDS, **BROKEN}[kind]
    path = chosen.write(case_random(kind, seed, index), place)
    before, base, begin = listing(place) | forbidden_files(), forget_peak(), time.process_time()
    found: dict = {"outcome": "refused", "error": ""}
    try:
        found["outcome"] = "accepted" if chosen.read(path) else "refused"
    except DiscoError as error:
        try:
            one_sentence(str(error))
        except BadAnswerError as bad:
            found = {"outcome": "sentence", "error": str(bad)}
    except BadAnswerError as error:
        found = {"outcome": "sentence", "error": str(error)}
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = next(
            (frame for frame in reversed(traceback.extract_tb(error.__traceback__)) if "disco_dock" in frame.filename),
            last,
        )
        what = " ".join(str(error).split())[:300]
        found = {
            "outcome": "traceback",
            "error": f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {what}",
        }
    found |= {"seconds": round(time.process_time() - begin, 3), "mib": round(peak_mib() - base, 1)}
    strays = sorted(name for name, *_ in (listing(place) | forbidden_files()) ^ before)
    strays += [str(item) for item in folder.iterdir() if item.name != "case"]
    if strays:
        found = {**found, "outcome": "stray", "error": f"written outside the output folder: {strays[:3]}"}
    return found


def main() -> None:
    """Answer requests until the input ends; arguments: a scratch folder and the MiB of address space to allow."""
    scratch, allowance = Path(sys.argv[1]), int(sys.argv[2])
    os.environ.setdefault("DISCO_DOCK_CACHE", str(scratch / "cache"))
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    requests = os.fdopen(os.dup(0), "r")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # what a case reads or prints must not mix with the requests and replies
        os.dup2(silence, stream)
    import torch

    from tests.fuzz import cases

    torch.set_num_threads(1)
    assert cases.KINDS
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + allowance * MIB,) * 2)
    replies.write("ready\n")
    for line in requests:
        replies.write(json.dumps(answer(*json.loads(line), scratch / "work")) + "\n")


if __name__ == "__main__":
    main()
