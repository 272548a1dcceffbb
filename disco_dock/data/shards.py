"""Part files: many examples as concatenated flat arrays with offsets, memory-mapped when read."""

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


def index_path(part: Path) -> Path:
    """The JSON file beside a part file."""
    return part.with_suffix(".json")


def write_part(path: Path, packed: Sequence[dict[str, np.ndarray]], facts: list[dict], failures: list[dict]) -> None:
    """Write a part of packed examples and then its index; a part without index is not finished."""
    arrays: dict[str, np.ndarray] = {}
    for key in packed[0] if packed else ():
        columns = [item[key] for item in packed]
        arrays[key] = np.ascontiguousarray(np.concatenate(columns))
        arrays[f"{key}.offsets"] = np.cumsum([0, *map(len, columns)]).astype(np.int32)
    with atomic_write(path) as handle:
        handle.write(save(arrays))
    with atomic_write(index_path(path), "w") as handle:
        json.dump({"format": FORMAT, "complexes": facts, "failures": failures}, handle, indent=0, sort_keys=True)


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
    """One part file, opened when first read; pickles as its path.

    Args:
        path: of the safetensors file.
        names: ids of its complexes in order.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.names = path, list(names)
        self._arrays: dict[str, np.ndarray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names, "_arrays": None}

    def _load(self) -> dict[str, np.ndarray]:
        if self._arrays is None:
            try:
                with safe_open(str(self.path), framework="numpy") as handle:
                    self._arrays = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118
            except (SafetensorError, OSError) as error:
                raise InputError(f"{self.path}: damaged shard ({error}); delete it and build again") from error
        return self._arrays

    def read(self, number: int) -> TrainingExample:
        """The example at a position of the part."""
        arrays = self._load()
        keys = [key for key in arrays if not key.endswith(".offsets")]
        cut = {}
        for key in keys:
            offsets = arrays[f"{key}.offsets"]
            cut[key] = arrays[key][offsets[number] : offsets[number + 1]]
        return unpack(self.names[number], cut)
