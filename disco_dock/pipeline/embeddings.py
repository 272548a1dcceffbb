"""Language-model features of a receptor's residues from a precomputed file, or else from ESM-2."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from disco_dock.chem.receptor import Receptor
from disco_dock.pipeline.esm import esm_features
from disco_dock.runtime.errors import ConfigError, InputError


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
    features = _select(path, _arrays(path), protein)
    expected = (len(receptor.restype), dim)
    if features.shape != expected or not np.isfinite(features).all():
        found = "an array with values that are not finite" if features.shape == expected else f"shape {features.shape}"
        raise InputError(
            f"{path}: expected finite features of shape {expected} for {protein.name}, found {found}; compute them "
            "again for the residues of this file"
        )
    return features


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = np.load(path, allow_pickle=False)
        return dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except OSError as error:
        raise InputError(
            f"{path}: cannot be opened ({error.strerror or error}); check the path given to --embeddings"
        ) from error
    except (ValueError, EOFError, SafetensorError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is not a .npy, .npz or .safetensors file of numbers ({error})") from error


def _select(path: Path, arrays: dict[str, np.ndarray], protein: Path) -> np.ndarray:
    """The array that belongs to a receptor file."""
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    for name in (protein.name, protein.name.removesuffix(".gz"), protein.name.split(".")[0]):
        if name in arrays:
            return arrays[name]
    raise InputError(
        f"{path}: no array named {protein.name.split('.')[0]} among {len(arrays)}; name each array after its "
        "protein file"
    )
