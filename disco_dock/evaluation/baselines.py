"""Which other programs are run beside the networks, and with how much effort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from disco_dock.evaluation.baseline import Budget, Where
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.rustina.method import RustinaMethod, require_rustina
from disco_dock.evaluation.vina.method import EXHAUSTIVENESS, VinaMethod, require_vina
from disco_dock.runtime.errors import InputError

PROGRAMS: Mapping[str, str] = {"vina": "Vina", "rustina": "Rustina"}
"""Name: as it is written."""
WHERES: tuple[Where, ...] = ("blind", "pocket")
EFFORTS = ("equal", "default")
"""The same processor time as our own docking, or what each program does by itself."""


class Baseline(NamedTuple):
    """A program, and the box in which it docks."""

    program: str
    where: Where


def baselines_of(names: Iterable[str]) -> tuple[Baseline, ...]:
    """What names such as "vina", which means both boxes, and "rustina-pocket" ask for; each once.

    Raises:
        InputError: a name is unknown.
    """
    known = {f"{program}-{where}": (Baseline(program, where),) for program in PROGRAMS for where in WHERES}
    known |= {program: tuple(Baseline(program, where) for where in WHERES) for program in PROGRAMS}
    try:
        return tuple(dict.fromkeys(one for name in names for one in known[name]))
    except KeyError as error:
        raise InputError(f"no baseline {error}; known are {', '.join(known)}") from error


def require_baselines(baselines: Sequence[Baseline]) -> None:
    """Check that the programs are installed.

    Raises:
        ConfigError: one is not.
    """
    programs = {one.program for one in baselines}
    for program, check in (("vina", require_vina), ("rustina", require_rustina)):
        if program in programs:
            check()


def baseline_methods(
    baseline: Baseline, efforts: Sequence[str], budget: Budget, *, num_poses: int, seed: int
) -> Iterator[VinaMethod | RustinaMethod]:
    """A program once for each effort; Vina by default with its exhaustiveness of 8, and with 32 beside it.

    Args:
        baseline: program and box.
        efforts: of `EFFORTS`.
        budget: processor time of "equal".
        num_poses: to return.
        seed: of their random numbers.
    """
    options = {"num_poses": num_poses, "seed": seed}
    for effort in efforts:
        if baseline.program == "rustina":
            yield RustinaMethod(baseline.where, **options, budget=budget if effort == "equal" else None)
        else:
            for one in (budget,) if effort == "equal" else EXHAUSTIVENESS:
                yield VinaMethod(baseline.where, **options, effort=one)


def seconds_used(rows: Sequence[MeasuredComplex], fixed: float | None) -> dict[str, float]:
    """Processor seconds by complex: fixed ones, or those that a docking took (their mean where it failed)."""
    if fixed is not None:
        return {row.id: fixed for row in rows}
    used = [row.cpu_seconds for row in rows if row.rmsd]
    mean = sum(used) / max(len(used), 1)
    return {row.id: row.cpu_seconds if row.rmsd else mean for row in rows}


def effort_text(baselines: Sequence[Baseline], efforts: Sequence[str], fixed: float | None, device: str) -> str:
    """What the programs got, in a sentence.

    Args:
        baselines: programs and boxes.
        efforts: of `EFFORTS`.
        fixed: processor seconds that were asked for, or None for those of our own docking.
        device: of the networks.
    """
    if not baselines:
        return "no baseline was run"
    programs = " and ".join(PROGRAMS[name] for name in dict.fromkeys(one.program for one in baselines))
    remark = "" if device == "cpu" or fixed is not None else f"; the networks also used the device {device}"
    given = "the CPU seconds that our own docking took for it" if fixed is None else f"{fixed:g} CPU seconds"
    equal = f"{programs} got {given}, per complex and box, at least the least that the program does{remark}"
    default = f"{programs} ran at {'its' if ' and ' not in programs else 'their'} own defaults"
    return "; ".join(text for effort, text in zip(EFFORTS, (equal, default), strict=True) if effort in efforts)
