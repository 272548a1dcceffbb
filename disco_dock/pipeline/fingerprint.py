"""When two runs of a complex must give the same files: a hash over inputs, settings and checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rdkit import Chem

from disco_dock.chem.ligand import Ligand
from disco_dock.pipeline.request import PredictSettings

FORMAT = 3  # raise when the same inputs and settings give other files than before


def ligand_hash(ligand: Ligand) -> str:
    """SHA-256 of a molecule with its atom order and input coordinates, whatever file it stands in."""
    return hashlib.sha256(Chem.MolToV3KMolBlock(ligand.mol).encode()).hexdigest()


def fingerprint(
    *, protein: str, ligand: str, settings: PredictSettings, files: Mapping[str, str], checkpoint: str
) -> str:
    """Hash of everything that determines the poses of a complex.

    Args:
        protein: hash of the receptor file.
        ligand: from `ligand_hash`.
        settings: their result-changing part is used; of files that they name, only the content counts.
        files: hash of each file that the settings name.
        checkpoint: hash of the checkpoint.
    """
    chosen = settings.result_dict()
    del chosen["embeddings"]
    if chosen["pocket"]:
        del chosen["pocket"]["ligand"], chosen["pocket"]["box"]
    content: dict[str, Any] = {
        "format": FORMAT,
        "protein": protein,
        "ligand": ligand,
        "settings": chosen,
        "files": dict(files),
        "checkpoint": checkpoint,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
