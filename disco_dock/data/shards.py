"""Part files: many examples as concatenated flat arrays with offsets, memory-mapped; only what is asked for is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from disco_dock.data.example import TrainingExample, unpack
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write

FORMAT = 1
OFFSETS = ".offsets"


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
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the shard index cannot be read ({error}); build the shards again") from error
    if data.get("format") != FORMAT:
        raise InputError(
            f"{path}: shard format {data.get('format')}, this version reads {FORMAT}; build the shards again"
        )
    return data


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
        except (SafetensorError, OSError, KeyError, IndexError) as error:
            raise InputError(f"{self.path}: damaged shard ({error}); delete it and build again") from error

    def _cut(self, key: str, number: int) -> np.ndarray:
        begin, end = self._offsets[key][number : number + 2].tolist()
        if begin == end:  # an empty slice at the end of an array is out of bounds for safetensors
            return self._handle.get_tensor(key)[:0]
        return self._handle.get_slice(key)[begin:end]

    def read(self, number: int) -> TrainingExample:
        """The example at a position of the part."""
        return unpack(self.names[number], self.arrays(number))
