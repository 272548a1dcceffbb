"""Binary and JSON files: checkpoint folders, embeddings and shards, with edits of headers, shapes and settings."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import save_checkpoint
from tests.fuzz.edits import ANY, Edit, flip_bits, insert_noise, truncate

ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        3.5,
        1e308,
        -0.0,
        10**6,
        10**9,
        2**63,
        2**64,
        10**400,
        float("nan"),
        float("inf"),
    ),
    *("", "x", "nan", "1e999", "../x", "\x00", [], [1], [[]], {}, {"x": 1}, [1] * 1000),
)
NPY = (
    *(
        "'descr': 'O'",
        "'descr': '<f8'",
        "'descr': '|V99'",
        "'descr': '<U9999'",
        "'shape': (-1, 5)",
        "'shape': (10**12, 5)",
    ),
    *(
        "'shape': (1000000000000, 5)",
        "'shape': ()",
        "'shape': (2**70,)",
        "'fortran_order': 1",
        "'x': 1",
        "'shape': 'x'",
    ),
)


@lru_cache(maxsize=1)
def checkpoint_files() -> dict[str, bytes]:
    """The files of a tiny checkpoint with all its networks."""
    from disco_dock.training.presets import preset
    from tests.support.small_models import small_models

    sizes, models = preset("tiny"), small_models("tiny")
    config = CheckpointConfig(
        name="tiny", score=sizes.score, encoder=sizes.encoder, prior=sizes.prior, confidence=sizes.confidence
    )
    with TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), config, models._asdict())
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@lru_cache(maxsize=1)
def training_state() -> bytes:
    """A training state, as `save_state` writes it."""
    stream = io.BytesIO()
    torch.save({"step": 3, "model": {"w": torch.ones(3, 4)}, "random": [1, 2.5, "x"]}, stream)
    return stream.getvalue()


@lru_cache(maxsize=1)
def embedding_files() -> dict[str, bytes]:
    """Features of 4 residues, 5 wide, as each kind of file."""
    from safetensors.numpy import save

    array = np.ones((4, 5), dtype=np.float32)
    out: dict[str, bytes] = {"e.safetensors": save({"p": array})}
    for name, write in (("e.npy", np.save), ("e.npz", np.savez), ("z.npz", np.savez_compressed)):
        stream = io.BytesIO()
        write(stream, array)
        out[name] = stream.getvalue()
    return out


def json_tree(data: bytes, rng: Random) -> bytes:
    """A value of a JSON tree replaced, dropped, renamed, added or nested."""
    try:
        tree = json.loads(data)
    except (RecursionError, ValueError):  # of an earlier edit
        return data
    parent, key = _random_slot(tree, rng)
    kind = rng.randrange(6)
    if parent is None or kind == 0:
        tree = rng.choice((tree, [tree], {"x": tree}, *ODD_VALUES[:6]))
    elif kind in (1, 2, 3):
        parent[key] = rng.choice(ODD_VALUES)
    elif kind == 4:
        del parent[key]
    elif isinstance(parent, dict):
        parent[rng.choice(("x", "", key + "_", "format", "\n"))] = parent[key]
    text = json.dumps(tree)
    if rng.random() < 0.05:
        text = text.replace(": ", ": " + "[" * rng.choice((10, 100_000)), 1)
    if rng.random() < 0.05:
        text = text.replace(": ", ": " + "9" * rng.choice((100, 5000)), 1)
    return text.encode()


def _random_slot(tree: Any, rng: Random) -> tuple[Any, Any]:
    """A container somewhere in the tree and one of its keys."""
    slots: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys: Sequence[Any] = (
            list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        )
        slots += [(node, key) for key in keys]
        waiting += [node[key] for key in keys]
    return rng.choice(slots) if slots else (None, None)


def tensor_header(data: bytes, rng: Random) -> bytes:
    """A safetensors header edited as JSON, or its length made wrong."""
    if len(data) < 8:
        return data
    length = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.3:
        length = rng.choice((0, 1, length - 1, length + 1, len(data), 2**31, 2**63, 2**64 - 1))
        return struct.pack("<Q", length % (1 << 64)) + header + body
    try:
        tree = json.loads(header)
        name = rng.choice(list(tree))
        entry = tree[name]
    except (IndexError, RecursionError, ValueError):
        return data
    kind = rng.randrange(6)
    if kind == 0:
        tree[name] = rng.choice(ODD_VALUES)
    elif kind == 1:
        del tree[name]
    elif kind == 2:
        tree[name + "x"] = tree.pop(name)
    elif isinstance(entry, dict) and entry:
        key = rng.choice(list(entry))
        odd = {
            "dtype": ("F64", "F16", "BF16", "I64", "BOOL", "U8", "F8_E4M3", "X", 3),
            "shape": ([1], [-1], [2**40], [], [10**30]),
        }
        odd["data_offsets"] = ([0, 0], [0, 2**40], [5, 1], [-1, 4])  # type: ignore[assignment]
        odd["disco"] = ("", "[]", '{"format": 2}', '{"format": NaN}', "[" * 5000, "{", "null", '{"format": true}')  # type: ignore[assignment]
        entry[key] = rng.choice((*odd.get(key, ()), *ODD_VALUES[:6]))
    text = json.dumps(tree).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor_values(data: bytes, rng: Random) -> bytes:
    """A stretch of the numbers replaced by NaN, zeros or noise."""
    start = rng.randint(0, len(data))
    count = min(len(data) - start, 4 * rng.choice((1, 10, 1000)))
    filling = rng.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\x00" * 4, b"\xff" * 4)) * (count // 4 + 1)
    return data[:start] + filling[:count] + data[start + count :]


def npy_header(data: bytes, rng: Random) -> bytes:
    """A part of the header of a .npy file replaced."""
    value = rng.choice(NPY).replace("10**12", "1000000000000").replace("2**70", str(2**70)).encode()
    key = value.split(b":")[0]
    start = data.find(key)
    end = data.find(b", ", start) if start >= 0 else -1
    if key == b"'shape'" and start >= 0:
        end = data.find(b")", start) + 1
    return data if start < 0 or end <= 0 else data[:start] + value + data[end:]


BINARY: tuple[Edit, ...] = (flip_bits, truncate, insert_noise, tensor_values, *ANY[:5])
TENSOR_EDITS: tuple[Edit, ...] = (tensor_header, tensor_header, tensor_values)
JSON_EDITS: tuple[Edit, ...] = (json_tree,)
NPY_EDITS: tuple[Edit, ...] = (npy_header, npy_header, tensor_values)
