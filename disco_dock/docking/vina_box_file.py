"""The search box in a configuration file of AutoDock Vina, smina or gnina."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import MIB, read_text

AXES = ("x", "y", "z")
AUTOBOX_MARGIN = 4.0  # Angstrom on every side of the reference ligand, gnina's default


class Box(NamedTuple):
    """Centre (3,) and sides (3,) in Angstrom."""

    center: np.ndarray
    size: np.ndarray


def read_box(path: Path) -> Box:
    """The box of a file with lines `center_x = 1.0` .. `size_z = 20`, or `autobox_ligand = ref.sdf`.

    Other lines (receptor, exhaustiveness, ...) are not about the box and are skipped. The reference ligand is looked up
    beside the file and gets the margin `autobox_add`, or 4 Angstrom.

    Raises:
        InputError: the file cannot be read, or lacks a number of the box, or one is not usable.
    """
    values = _lines(path)
    if "autobox_ligand" in values:
        return _around_ligand(path, values)
    center = np.array([_number(path, values, f"center_{axis}") for axis in AXES])
    size = np.array([_number(path, values, f"size_{axis}") for axis in AXES])
    if (size <= 0).any():
        raise InputError(
            f"{path}: the sides of the box must be positive, found {size.tolist()}; correct size_x, _y, _z"
        )
    return Box(center, size)


def _lines(path: Path) -> dict[str, str]:
    """Values of the lines `key = value`, comments left out."""
    try:
        text = read_text(path, limit=MIB)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be opened ({reason}); check the path of the pocket box") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file; give a Vina configuration with center_x and size_x") from error
    pairs = (line.split("#")[0].partition("=") for line in text.splitlines())
    return {key.strip().lower().removeprefix("--"): value.strip() for key, found, value in pairs if found}


def _number(path: Path, values: dict[str, str], key: str) -> float:
    if key not in values:
        raise InputError(f"{path}: has no {key}; a box needs center_x, center_y, center_z, size_x, size_y and size_z")
    try:
        value = float(values[key])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {key} is {values[key]!r}, expected a number in Angstrom")
    return value


def _around_ligand(path: Path, values: dict[str, str]) -> Box:
    named = path.parent / values["autobox_ligand"]
    reference = named if "\0" not in str(named) and named.is_file() else Path(values["autobox_ligand"])
    pos = reference_positions(reference)
    margin = _number(path, values, "autobox_add") if "autobox_add" in values else AUTOBOX_MARGIN
    low, high = pos.min(0) - margin, pos.max(0) + margin
    return Box((low + high) / 2, high - low)
