"""Latents as binding modes: nodes that a user names, modes of poses, clusters, and pockets that the prior suggests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from rdkit import Chem
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.symmetry import automorphisms, symmetric_rmsd
from disco_dock.docking.clashes import atom_label
from disco_dock.docking.settings import FREE_LATENT, PredictSettings
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.sampling.latent_choice import LatentChoice, PriorSurvey
from disco_dock.sampling.sample import DockedPoses

CLUSTER_RMSD = 2.0  # Angstrom
COPY_RMSD = 1.0  # Angstrom within which a pose repeats a better one, as in AutoDock Vina
SHOWN_RESIDUES = 10
SHOWN_SITES = 3
SITE_RADIUS = 10.0  # Angstrom between C-alpha atoms of a suggested site and of its middle residue
_LIGAND_ATOM = re.compile(r"lig:(?P<element>[A-Za-z]*)(?P<number>\d+)")


@dataclass(frozen=True, kw_only=True)
class Mode:
    """Poses of one code of the latents.

    Attributes:
        number: 1 is the most probable under the prior.
        latents: names of the nodes.
        probability: of the code under the prior, as sampled.
        poses: how many poses have it.
        clusters: clusters that they fall into.
        best_rank: of its best pose, or None when no pose was drawn for it.
    """

    number: int
    latents: tuple[str, ...]
    probability: float
    poses: int
    clusters: tuple[int, ...]
    best_rank: int | None


@dataclass(frozen=True, kw_only=True)
class PocketSuggestion:
    """Where the prior's latents point in the receptor.

    Attributes:
        residues: names and probabilities of the most probable residues, best first; the probability is the mean over
            the latents of pointing there.
        sites: the most probable neighbourhoods, best first: centre (Angstrom), summed probability, and residues.
        on_ligand: probability of pointing at an atom of the ligand instead.
    """

    residues: tuple[tuple[str, float], ...]
    sites: tuple[dict[str, Any], ...]
    on_ligand: float


def find_node(spec: str, mol: Chem.Mol, receptor: Receptor) -> int:
    """Number of the node that a user names: "A:189" a residue, "lig:5" or "lig:C5" the fifth heavy atom.

    Raises:
        InputError: there is no such residue or atom.
    """
    match = _LIGAND_ATOM.fullmatch(spec.strip())
    if match is None:
        return mol.GetNumAtoms() + receptor.find(spec)
    number, count = int(match["number"]), mol.GetNumAtoms()
    if not 1 <= number <= count:
        raise InputError(f"latent {spec}: the ligand has heavy atoms 1 to {count}; name one of them, such as lig:1")
    label = atom_label(mol, number - 1)
    if match["element"] and label.lower() != f"lig:{match['element']}{number}".lower():
        raise InputError(f"latent {spec}: heavy atom {number} of the ligand is {label}; check the numbering")
    return number - 1


def latent_choice(settings: PredictSettings, num_latents: int, mol: Chem.Mol, receptor: Receptor) -> LatentChoice:
    """The user's latents as nodes of this complex.

    Raises:
        ConfigError: more are forced than there are, or one is forced and avoided.
        InputError: a name is none of this complex.
    """
    if len(settings.latents) > num_latents:
        raise ConfigError(
            f"{len(settings.latents)} latents are forced and this checkpoint has {num_latents}; give --latent at most "
            f"{num_latents} times"
        )
    forced = tuple(-1 if name == FREE_LATENT else find_node(name, mol, receptor) for name in settings.latents)
    avoided = tuple(find_node(name, mol, receptor) for name in settings.avoid_latents)
    both = set(forced) & set(avoided)
    if both:
        name = settings.latents[forced.index(min(both))]
        raise ConfigError(f"latent {name} is forced and avoided; leave out one of --latent and --avoid-latent")
    return LatentChoice(forced=forced, avoided=avoided, modes=settings.modes, survey=settings.suggest_pockets)


def pose_clusters(mol: Chem.Mol, pos: np.ndarray, cutoff: float = CLUSTER_RMSD) -> np.ndarray:
    """Cluster of each pose, from 1, in the order of the poses.

    The first pose leads cluster 1; each pose joins the first cluster whose leader is within the cutoff (RMSD over heavy
    atoms corrected for symmetry, no superposition), or leads a new one.

    Args:
        mol: ligand of L heavy atoms.
        pos: (poses, L, 3) in Angstrom, best first.
        cutoff: Angstrom.

    Returns:
        int64 (poses,).
    """
    symmetry = automorphisms(mol)
    cluster = np.zeros(len(pos), dtype=np.int64)
    number = 0
    while not cluster.all():
        number += 1
        free = np.flatnonzero(cluster == 0)
        near = symmetric_rmsd(mol, pos[free], pos[free[0]], symmetry=symmetry) < cutoff
        near[0] = True
        cluster[free[near]] = number
    return cluster


def near_copies(mol: Chem.Mol, pos: np.ndarray) -> tuple[list[int | None], list[int]]:
    """Which better pose each pose repeats, and by how many poses each is repeated.

    Args:
        mol: ligand of L heavy atoms.
        pos: (poses, L, 3) in Angstrom, best first.

    Returns:
        Rank from 1 of the best pose within `COPY_RMSD`, None for one that repeats none; and counts.
    """
    group = pose_clusters(mol, pos, COPY_RMSD)
    _, leader, size = np.unique(group, return_index=True, return_counts=True)
    own = leader[group - 1]
    leads = own == np.arange(len(own))
    copy_of = [None if leading else rank + 1 for leading, rank in zip(leads.tolist(), own.tolist(), strict=True)]
    return copy_of, np.where(leads, size[group - 1] - 1, 0).tolist()


def pose_modes(docked: DockedPoses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mode of each sample from 1 (int64), and code and log probability of each mode, most probable first.

    Enumerated codes are modes whether a pose was drawn for them or not; else the codes that were drawn are.
    """
    codes, log_prob = docked.latent_nodes, docked.latent_log_prob
    if docked.survey is not None and len(docked.survey.codes):
        codes = np.concatenate([docked.survey.codes, codes])
        log_prob = np.concatenate([docked.survey.log_prob, log_prob])
    unique, first, inverse = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    order = np.lexsort((first, -log_prob[first]))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(1, len(order) + 1)
    return number[inverse.reshape(-1)[-len(docked.pos) :]], unique[order], log_prob[first][order]


def suggest_pockets(survey: PriorSurvey, num_atoms: int, receptor: Receptor) -> PocketSuggestion:
    """Residues and sites that the prior's latents point at.

    A site is a residue and those within `SITE_RADIUS` of it; the best one has the largest summed probability, the next
    ones are the best of the residues that no better site holds.

    Args:
        survey: of the prior.
        num_atoms: heavy atoms of the ligand, which come before the residues.
        receptor: the residues.
    """
    share = survey.marginal[num_atoms:]
    order = np.argsort(-share, kind="stable")[:SHOWN_RESIDUES]
    tree = KDTree(receptor.ca_pos)
    around = tree.query_ball_point(receptor.ca_pos, SITE_RADIUS)
    left = share.copy()
    sites = []
    for _ in range(SHOWN_SITES):
        mass = np.array([left[near].sum() for near in around])
        middle = int(mass.argmax())
        near = np.array(around[middle])
        if mass[middle] <= 0:
            break
        weights = left[near] / mass[middle]
        best = near[np.argsort(-left[near], kind="stable")][:SHOWN_RESIDUES]
        sites.append(
            {
                "center": [round(float(value), 2) for value in weights @ receptor.ca_pos[near]],
                "probability": round(float(mass[middle]), 4),
                "residues": [receptor.label(int(index)) for index in best if left[index] > 0],
            }
        )
        left[near] = 0.0
    return PocketSuggestion(
        residues=tuple((receptor.label(int(index)), round(float(share[index]), 5)) for index in order),
        sites=tuple(sites),
        on_ligand=round(float(survey.marginal[:num_atoms].sum()), 5),
    )
