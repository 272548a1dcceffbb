"""The contact score of the poses of one ligand."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch

from disco_dock.chem.ligand import Ligand
from disco_dock.physics.vina_scorer import VinaScores
from disco_dock.ranking.contact_atoms import ligand_features
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig, PoseContacts

AT_ONCE = 50
"""Poses scored at a time, which bounds memory."""

PoseScore = Callable[[np.ndarray, VinaScores], np.ndarray]
"""Scores (poses,) of poses (poses, atoms, 3) with known energies, higher is better."""


def contact_score_of(scorer: ContactScorer, field: ContactField, ligand: Ligand) -> PoseScore:
    """The contact score of one ligand in one receptor; arguments as of `contact_scores`."""
    return lambda pos, energies: contact_scores(scorer, field, ligand, pos, energies)


def pose_contacts(
    field: ContactField, ligand: Ligand, pos: np.ndarray, energies: VinaScores, config: ContactScorerConfig
) -> PoseContacts:
    """Input of the contact score, in double precision.

    Args:
        field: the receptor.
        ligand: of L heavy atoms.
        pos: (poses, L, 3) Angstrom in the receptor's frame.
        energies: of the poses.
        config: of the score.
    """
    near = field.near(ligand, pos, config.cutoff, config.receptor_classes)
    energy = np.stack([energies.inter, energies.intra], axis=1).astype(np.float64)
    arrays = (*near, ligand_features(ligand.mol)[:, : config.ligand_features], energy)
    return PoseContacts(*map(torch.from_numpy, arrays))


@torch.no_grad()
def contact_scores(
    scorer: ContactScorer, field: ContactField, ligand: Ligand, pos: np.ndarray, energies: VinaScores
) -> np.ndarray:
    """(poses,) scores, higher is better: the mean over members; poses do not influence each other."""
    scorer = copy.deepcopy(scorer).to("cpu", torch.float64)
    found = []
    for first in range(0, len(pos), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        part = VinaScores(*(value[some] for value in energies))
        found.append(scorer(pose_contacts(field, ligand, pos[some], part, scorer.config)).mean(0).numpy())
    return np.concatenate(found)
