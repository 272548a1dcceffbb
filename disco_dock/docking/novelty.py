"""Similarity of a complex to the training set of its checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.data.clusters import distinct_sequences
from disco_dock.data.novelty import Novelty, novelty, read_rates
from disco_dock.data.training_index import NearestTraining, TrainingIndex, read_index
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.runtime.notes import Caution

NO_INDEX = (
    "the checkpoint has no training index, so how near this complex is to what it was trained on is not known; "
    "make one by disco-dock data index"
)

SAME_PROTEIN, SAME_LIGAND = 0.99, 0.999  # identity and Tanimoto similarity of a complex that was trained on


def nearest_training(index: TrainingIndex, receptor: Receptor, ligand: Ligand) -> NearestTraining:
    """The training complexes with the most similar protein chain and ligand."""
    names = np.unique(receptor.chains, return_inverse=True)[1]
    return index.nearest(distinct_sequences(receptor.restype, names), ligand.smiles)


def novelty_notes(near: Novelty) -> tuple[str, ...]:
    """What is nearest in the training set and what that has meant; a complex that was trained on is a caution."""
    nearest = near.nearest
    if nearest.identity >= SAME_PROTEIN and nearest.tanimoto >= SAME_LIGAND:
        return (Caution(_seen(nearest)), *near.sentences())
    return near.sentences()


def _seen(nearest: NearestTraining) -> str:
    """That protein and ligand were trained on; whether together is known only where one entry is nearest to both."""
    protein, ligand = nearest.protein_id, nearest.ligand_id
    if not protein or not ligand or protein == ligand:
        return (
            f"this complex was trained on (as {protein or ligand}): its pose says nothing about how new ligands are "
            "docked"
        )
    return (
        f"protein and ligand were both trained on ({protein}, {ligand}), perhaps together: the pose says little about "
        "how new ligands are docked"
    )


def complex_novelty(checkpoint: Path, receptor: Receptor, ligand: Ligand, physics: PhysicsSettings) -> Novelty | None:
    """Similarity of a complex to the training set of a checkpoint, or None without a training index.

    Args:
        checkpoint: folder.
        receptor: as docked into.
        ligand: as docked.
        physics: minimisation and ranking of the poses.

    Raises:
        CheckpointError: the index or the measured rates are damaged.
    """
    index = read_index(checkpoint)
    if index is None:
        return None
    return novelty(nearest_training(index, receptor, ligand), read_rates(checkpoint), physics)
