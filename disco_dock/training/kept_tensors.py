"""One tensor per complex that an earlier stage's networks compute, kept in parts so that a killed run can continue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.runtime.checkpoint import load_weights, save_weights
from disco_dock.runtime.distributed import processes, wait_for_all
from disco_dock.runtime.errors import CheckpointError

PART_SIZE = 16  # complexes


class KeptTensors(Mapping[int, Tensor]):
    """Tensors by number of the complex, read from their files when asked for; pickles as paths.

    Args:
        places: file and name of each.
    """

    def __init__(self, places: Mapping[int, tuple[Path, str]]) -> None:
        self._places = dict(places)
        self._open: dict[Path, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_places": self._places, "_open": {}}

    def __getitem__(self, number: int) -> Tensor:
        path, name = self._places[number]
        if path not in self._open:
            self._open[path] = safe_open(str(path), framework="pt")
        return self._open[path].get_tensor(name)

    def __iter__(self):
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def compute_kept(
    dataset: ComplexDataset,
    numbers: Sequence[int],
    folder: Path,
    made_with: Mapping[str, Any],
    compute: Callable[[int], Tensor | None],
    on_part: Callable[[int, int], None] | None = None,
    *,
    part_size: int = PART_SIZE,
) -> KeptTensors:
    """The tensors of some complexes; those of parts that were made with the same settings are not made again.

    Args:
        dataset: the complexes.
        numbers: which of them.
        folder: gets one file per part; several processes share the parts.
        made_with: all that the tensors depend on, as JSON values.
        compute: tensor of a complex, or None to leave it out.
        on_part: called with (finished parts, all parts) of this process.
        part_size: complexes per file.
    """
    parts = [list(numbers[start : start + part_size]) for start in range(0, len(numbers), part_size)]
    paths = [folder / f"part-{k:04d}.safetensors" for k in range(len(parts))]
    own = processes().share(list(zip(parts, paths, strict=True)))
    for done, (part, path) in enumerate(own, start=1):
        header = json.loads(json.dumps({"ids": [dataset.ids[i] for i in part], **made_with}))
        if not _is_made(path, header):
            made = {dataset.ids[number]: compute(number) for number in part}
            save_weights(path, {name: value for name, value in made.items() if value is not None}, header)
        if on_part is not None:
            on_part(done, len(own))
    wait_for_all()
    places = {}
    for part, path in zip(parts, paths, strict=True):
        tensors, _ = load_weights(path)
        places |= {number: (path, dataset.ids[number]) for number in part if dataset.ids[number] in tensors}
    return KeptTensors(places)


def _is_made(path: Path, header: Mapping[str, Any]) -> bool:
    """Whether a part with just this header is there; a damaged one is not."""
    try:
        _, metadata = load_weights(path)
    except CheckpointError:
        return False
    return all(metadata.get(key) == value for key, value in header.items())
