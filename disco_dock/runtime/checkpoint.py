# pyright: basic
"""Weights as safetensors with a JSON header, and training states without pickled code."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.user_files import MIB, parse_json

FORMAT = 1
MAX_WEIGHTS_BYTES = 4096 * MIB
"""Largest file of weights that is read unless told otherwise; the largest published docking network has 0.2 GiB."""
MAX_STATE_BYTES = 256 * 1024 * MIB
"""Largest training state; that of the image model of two billion weights has 50 GiB."""


def weights_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """A safetensors file of tensors and JSON-able metadata."""
    header = {"disco": json.dumps({"format": FORMAT, **metadata}, sort_keys=True)}
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, metadata=header)


def save_weights(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON-able metadata to a safetensors file, atomically."""
    with atomic_write(path) as handle:
        handle.write(weights_bytes(tensors, metadata))


def load_weights(path: str | Path, limit: int = MAX_WEIGHTS_BYTES) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file written by `save_weights`.

    Args:
        path: of the file.
        limit: bytes of the largest file that is read.

    Raises:
        CheckpointError: the file is missing, truncated, written by another program or by a newer version.
    """
    return _read(path, limit, tensors=True)


def load_metadata(path: str | Path) -> dict[str, Any]:
    """Metadata of a file written by `save_weights`; the tensors are not read.

    Raises:
        CheckpointError: as `load_weights`.
    """
    return _read(path, sys.maxsize, tensors=False)[1]


def _read(path: str | Path, limit: int, *, tensors: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file; check the path")
    _check_size(path, limit)
    try:
        with safe_open(str(path), framework="pt") as handle:
            header = (handle.metadata() or {}).get("disco")
            names = handle.keys() if tensors else ()
            found_tensors = {name: handle.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); fetch or write it again") from error
    if header is None:
        raise CheckpointError(f"{path}: a safetensors file of another program; give a disco-dock checkpoint")
    try:
        metadata = parse_json(header)
    except ValueError as error:
        raise CheckpointError(f"{path}: its header is not JSON ({error}); fetch or write it again") from error
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path}: its header is not a JSON object; fetch or write it again")
    found = metadata.pop("format", None)
    if found != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {found}, this version reads format {FORMAT}; update disco-dock"
        )
    return found_tensors, metadata


def _check_size(path: Path, limit: int) -> None:
    """Raise CheckpointError for a file larger than `limit` bytes."""
    if path.stat().st_size > limit:
        raise CheckpointError(f"{path}: is larger than {limit // MIB} MiB, the most that is read; check what it is")


def check_tensors(module: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Raise CheckpointError unless the tensors have a module's names, shapes and number types.

    The module may lie on the meta device, which takes no memory: sizes of a configuration are compared with those of
    the weights before anything is allocated.

    Raises:
        CheckpointError: with the first tensor that is missing, unexpected, or of another shape or type.
    """
    expected = module.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{where}: tensor {name!r} is missing; the checkpoint belongs to another model")
        if tensors[name].shape != tensor.shape:
            raise CheckpointError(
                f"{where}: tensor {name!r} has shape {tuple(tensors[name].shape)}, expected {tuple(tensor.shape)}; "
                "the checkpoint belongs to another model"
            )
        if tensors[name].is_floating_point() != tensor.is_floating_point():
            raise CheckpointError(
                f"{where}: tensor {name!r} holds {tensors[name].dtype}, expected {tensor.dtype}; fetch or write the "
                "checkpoint again"
            )
    for name in tensors:
        if name not in expected:
            raise CheckpointError(f"{where}: tensor {name!r} is not expected; the checkpoint belongs to another model")


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Load tensors into a module; names and shapes must match exactly.

    Raises:
        CheckpointError: as `check_tensors`.
    """
    check_tensors(module, tensors, where=where)
    module.load_state_dict(dict(tensors))


def save_state(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a training state of tensors and plain values, atomically.

    Raises:
        OSError: the folder cannot be written or the disk is full; the file that was there is kept.
    """
    buffer = io.BytesIO()  # torch's writer raises RuntimeError when the disk is full
    torch.save(dict(state), buffer)
    with atomic_write(path) as handle:
        handle.write(buffer.getbuffer())


def load_state(path: str | Path) -> dict[str, Any]:
    """Read a training state; nothing but tensors and plain values is unpickled.

    Raises:
        CheckpointError: the file is missing, truncated or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such training state; check the path")
    _check_size(path, MAX_STATE_BYTES)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise many kinds, such as IndexError
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: not a readable training state ({first}); delete it to start again") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds a {type(state).__name__}, no training state; delete it to start again")
    return state
