"""ESM-2 features of a receptor's residues, computed with the `transformers` library."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from disco_dock.chem.receptor import Receptor
from disco_dock.runtime.errors import ConfigError

ESM2 = {
    320: "facebook/esm2_t6_8M_UR50D",
    480: "facebook/esm2_t12_35M_UR50D",
    640: "facebook/esm2_t30_150M_UR50D",
    1280: "facebook/esm2_t33_650M_UR50D",
    2560: "facebook/esm2_t36_3B_UR50D",
}
"""Feature width: name of the model. DiffDock uses the last layer of the 1280-wide one."""
MAX_RESIDUES = 1022
"""Residues that ESM-2 was trained on at a time; longer chains are cut to pieces of this length."""


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
    tokenizer, model = _load(dim)
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
def _load(dim: int) -> tuple[Any, Any]:
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
