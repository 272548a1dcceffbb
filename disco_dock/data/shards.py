"""Part files: many examples as concatenated flat arrays with offsets, memory-mapped; only what is asked for is read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from disco_dock.data.example import TrainingExample, unpack
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.user_files import parse_json, read_bytes

FORMAT = 1
OFFSETS = ".offsets"
FACTS = {"id": str, "atoms": int, "residues": int}
FAILURE = {"id": str, "reason": str}
"""What every complex and every failure of an index has at least."""
MAX_COUNT = 1 << 31
_DAMAGE = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What numpy and torch raise for arrays of other shapes and types than those that were written."""


def index_path(part: Path) -> Path:
    """The JSON file beside a part file."""
    return part.with_suffix(".json")


def part_files(folder: Path) -> list[Path]:
    """The finished part files of a folder, in order; a part without index is still being written."""
    return [file for file in sorted(folder.glob("part-*.safetensors")) if index_path(file).exists()]


def write_part(
    path: Path, packed: Sequence[dict[str, np.ndarray]], facts: list[dict], failures: list[dict], *, recipe: str
) -> None:
    """Write a part of packed examples and then its index; a part without index is not finished.

    Args:
        path: of the part file.
        packed: examples, see `example.pack`.
        facts: one row of the index for each.
        failures: id and reason of each complex left out.
        recipe: what the content depends on besides the files.
    """
    index_path(path).unlink(missing_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for key in packed[0] if packed else ():
        columns = [item[key] for item in packed]
        arrays[key] = np.ascontiguousarray(np.concatenate(columns))
        arrays[key + OFFSETS] = np.cumsum([0, *map(len, columns)]).astype(np.int32)
    with atomic_write(path) as handle:
        handle.write(save(arrays))
    index = {"format": FORMAT, "recipe": recipe, "complexes": facts, "failures": failures}
    with atomic_write(index_path(path), "w") as handle:
        json.dump(index, handle, indent=0, sort_keys=True)


def read_index(part: Path) -> dict[str, Any]:
    """The index of a part.

    Raises:
        InputError: it is damaged or of another format.
    """
    path = index_path(part)
    try:
        data = parse_json(read_bytes(path))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path}: the shard index cannot be read ({error}); build the shards again") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: the shard index is no JSON object; build the shards again")
    if data.get("format") != FORMAT:
        raise InputError(
            f"{path}: shard format {data.get('format')}, this version reads {FORMAT}; build the shards again"
        )
    for key, columns in (("complexes", FACTS), ("failures", FAILURE)):
        rows = data.get(key)
        if not isinstance(rows, list) or not all(_is_row(row, columns) for row in rows):
            raise InputError(f"{path}: {key} of the shard index are not as they were written; build the shards again")
    return data


def _is_row(row: Any, columns: Mapping[str, type]) -> bool:
    """Whether a row of an index has the columns, of their types and not larger than any file makes them."""
    return isinstance(row, dict) and all(
        type(row.get(name)) is kind and (kind is str or 0 <= row[name] < MAX_COUNT) for name, kind in columns.items()
    )


class Part:
    """One part file, mapped into memory when first read; pickles as its path.

    Args:
        path: of the safetensors file.
        names: ids of its complexes in order.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.names = path, list(names)
        self._handle: Any = None
        self._offsets: dict[str, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names, "_handle": None, "_offsets": {}}

    def arrays(self, number: int, keys: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The flat arrays of the example at a position of the part: those named, or all.

        Raises:
            InputError: the file is damaged.
        """
        try:
            if self._handle is None:
                self._handle = safe_open(str(self.path), framework="numpy").__enter__()
                every = self._handle.keys()
                self._offsets = {
                    key.removesuffix(OFFSETS): self._handle.get_tensor(key) for key in every if key.endswith(OFFSETS)
                }
            return {key: self._cut(key, number) for key in keys or self._offsets}
        except (SafetensorError, OSError, *_DAMAGE) as error:
            raise InputError(f"{self.path}: damaged shard ({error}); delete it and build again") from error

    def _cut(self, key: str, number: int) -> np.ndarray:
        begin, end = self._offsets[key][number : number + 2].tolist()
        if begin == end:  # an empty slice at the end of an array is out of bounds for safetensors
            return self._handle.get_tensor(key)[:0]
        return self._handle.get_slice(key)[begin:end]

    def read(self, number: int) -> TrainingExample:
        """The example at a position of the part."""
        arrays = self.arrays(number)
        try:
            return unpack(self.names[number], arrays)
        except _DAMAGE as error:
            raise InputError(f"{self.path}: damaged shard ({error}); delete it and build again") from error
