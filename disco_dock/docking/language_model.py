"""Language-model features of a receptor's residues from a precomputed file, or else from ESM-2."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from disco_dock.chem.receptor import Receptor
from disco_dock.runtime.errors import ConfigError, InputError, one_line
from disco_dock.runtime.user_files import open_regular

ESM2 = {
    320: "facebook/esm2_t6_8M_UR50D",
    480: "facebook/esm2_t12_35M_UR50D",
    640: "facebook/esm2_t30_150M_UR50D",
    1280: "facebook/esm2_t33_650M_UR50D",
    2560: "facebook/esm2_t36_3B_UR50D",
}
"""Feature width: name of the model. DiffDock uses the last layer of the 1280-wide one."""
MAX_RESIDUES = 1022
"""Longest sequence of ESM-2's training; longer chains are cut into pieces of this length."""
_DAMAGE = (ArithmeticError, EOFError, LookupError, NotImplementedError, RuntimeError, SafetensorError, SyntaxError)
_DAMAGE += (struct.error, tokenize.TokenError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
"""Errors of numpy, zipfile and safetensors for damaged headers, archives with a password and unknown methods."""


def read_embeddings(path: str | Path | None, protein: Path, receptor: Receptor, dim: int) -> np.ndarray | None:
    """Features (residues, dim) of a receptor, or None when the checkpoint uses none.

    A .npy file holds one array. A .npz or .safetensors file holds one array, or one per receptor under the receptor
    file's name without its suffix.

    Args:
        path: the file; None computes ESM-2 features of that width.
        protein: the receptor's file.
        receptor: the receptor; rows follow its residues.
        dim: features that the checkpoint needs; 0 for none.

    Raises:
        ConfigError: features are needed and cannot be computed, or given and not used.
        InputError: the file cannot be read or does not fit the receptor.
    """
    if dim == 0:
        if path is not None:
            raise ConfigError("this checkpoint uses no language-model features; leave out --embeddings")
        return None
    if path is None:
        return esm_features(receptor, dim)
    path = Path(path)
    expected = (len(receptor.restype), dim)
    features = _read(path, protein, expected)
    if features.shape != expected or not np.isfinite(features).all():
        found = "an array with values that are not finite" if features.shape == expected else f"shape {features.shape}"
        raise InputError(
            f"{path}: expected finite features of shape {expected} for {protein.name}, found {found}; compute them "
            "again for the residues of this file"
        )
    return features


def _read(path: Path, protein: Path, expected: tuple[int, int]) -> np.ndarray:
    """The array of a receptor file; other arrays are not read, and no size is believed before it is checked."""
    try:
        open_regular(path).close()
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="numpy") as file:
                return file.get_tensor(_name(path, list(file.keys()), protein))
        with open_regular(path) as file:
            zipped = file.read(2) == b"PK"
            file.seek(0)
            if not zipped:
                return _npy(file, expected, path.stat().st_size)
            with zipfile.ZipFile(file) as archive:
                names = {name.removesuffix(".npy"): name for name in archive.namelist()}
                entry = names[_name(path, list(names), protein)]
                with archive.open(entry) as member:
                    return _npy(member, expected, archive.getinfo(entry).file_size)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be opened ({error.strerror or error}); check the path given to --embeddings"
        ) from error
    except _DAMAGE as error:
        reason = one_line(str(error), 200)
        raise InputError(f"{path}: is not a .npy, .npz or .safetensors file of numbers ({reason})") from error


def _npy(file: IO[bytes], expected: tuple[int, int], size: int) -> np.ndarray:
    """The array of a .npy file or member of `size` bytes, if its header says what is expected.

    Raises:
        ValueError: it does not, or numbers are missing.
    """
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if shape != expected:
        raise ValueError(f"expected shape {expected}, found {shape}")
    if dtype.kind not in "fiu":
        raise ValueError(f"expected numbers, found {dtype}")
    count = expected[0] * expected[1] * dtype.itemsize
    if count > size:
        raise ValueError(f"expected {count} bytes of numbers, found {size} with the header")
    values = np.frombuffer(file.read(count), dtype=dtype)
    return values.reshape(expected, order="F" if fortran else "C")


def _name(path: Path, names: list[str], protein: Path) -> str:
    """The name of the array that belongs to a receptor file."""
    if len(names) == 1:
        return names[0]
    for name in (protein.name, protein.name.removesuffix(".gz"), protein.name.split(".")[0]):
        if name in names:
            return name
    raise InputError(
        f"{path}: no array named {protein.name.split('.')[0]} among {len(names)}; name each array after its "
        "protein file"
    )


def esm_features(receptor: Receptor, dim: int) -> np.ndarray:
    """Last-layer ESM-2 features of each residue, float32 (residues, dim), chain by chain.

    Args:
        receptor: whose sequence is read off its residues, unknown ones as X.
        dim: width, which names the model.

    Raises:
        ConfigError: there is no ESM-2 model of this width, `transformers` is not installed, or its weights are neither
            there nor can be downloaded.

    Source: Lin et al. 2023 (doi:10.1126/science.ade2574); use as receptor features: DiffDock (arXiv:2210.01776).
    """
    if dim not in ESM2:
        raise ConfigError(
            f"this checkpoint needs {dim} language-model features per residue, and no ESM-2 model has that width; "
            "give a file of them with --embeddings"
        )
    tokenizer, model = _load_esm(dim)
    features = np.zeros((len(receptor.restype), dim), dtype=np.float32)
    chains = np.array(receptor.chains)
    for chain, sequence in receptor.sequence_by_chain().items():
        rows = np.flatnonzero(chains == chain)
        for start in range(0, len(sequence), MAX_RESIDUES):
            piece = sequence[start : start + MAX_RESIDUES]
            tokens = tokenizer(piece, return_tensors="pt")
            with torch.no_grad():
                hidden = model(**tokens).last_hidden_state
            features[rows[start : start + len(piece)]] = hidden[0, 1 : 1 + len(piece)].float().numpy()
    return features


@lru_cache(maxsize=1)
def _load_esm(dim: int) -> tuple[Any, Any]:
    """Tokenizer and model of a width."""
    needs = f"this checkpoint needs {dim} language-model features per residue (ESM-2)"
    try:
        from transformers import AutoTokenizer, EsmModel  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            f"{needs}; install them with pip install 'disco-dock[esm]', give a file with --embeddings, or use a "
            "checkpoint without them"
        ) from error
    name = ESM2[dim]
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = EsmModel.from_pretrained(name, add_pooling_layer=False).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{needs}, and the weights of {name} are neither in the Hugging Face cache nor can be downloaded "
            f"({str(error).splitlines()[0]}); fetch them first or give a file with --embeddings"
        ) from error
    return tokenizer, model
