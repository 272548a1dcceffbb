"""Decoys that a contact score likes best among what a search finds: what it has to learn to tell from right poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.docking.pocket import DEFAULT_RADIUS
from disco_dock.docking.pose_search import COPY, leaders
from disco_dock.docking.refinement import is_trace
from disco_dock.evaluation.cases import Bound
from disco_dock.evaluation.fit.decoy_starts import RebuiltLigand, other_sites
from disco_dock.evaluation.fit.decoys import ELSEWHERE, SCATTERED, Decoys
from disco_dock.physics.free_space import free_points
from disco_dock.physics.search_settings import Basins, SearchSettings, Sphere
from disco_dock.physics.vina_scorer import VinaField, VinaScorer, VinaScores
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer
from disco_dock.ranking.contact_score import contact_scores
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import derive_seed


@dataclass(frozen=True, kw_only=True)
class TemptingSettings:
    """How many poses, and among what they are chosen.

    Attributes:
        scattered: searches from anywhere in the free space of the pocket, 10 Angstrom around the crystal pose.
        elsewhere: searches in other pockets of the receptor.
        moves: Monte-Carlo steps of each.
        basins: minima kept of each, at most.
        poses: of highest score that become decoys.
        apart: Angstrom of RMSD between them, symmetry not counted.
        seed: random seed.
    """

    scattered: int = 36
    elsewhere: int = 12
    moves: int = 300
    basins: int = 4
    poses: int = 16
    apart: float = 1.0
    seed: int = 0


def tempting_decoys(bound: Bound, scorer: ContactScorer, settings: TemptingSettings) -> Decoys:
    """The poses of a complex that a score likes best, right ones among them.

    Args:
        bound: the complex in its crystal pose.
        scorer: the member, or members, that were not fitted to the complex.
        settings: of the search.

    Raises:
        ConfigError: the receptor is a trace.
    """
    if is_trace(bound.receptor):
        raise ConfigError(
            f"{bound.name}: the receptor is a trace without side chains, which physics needs; leave it out"
        )
    name, crystal = bound.name, bound.ligand.pos
    assert crystal is not None
    field = VinaField(bound.receptor)
    vina, atoms = VinaScorer(field, bound.ligand.mol), field.receptor.pos
    ligand = RebuiltLigand(bound.ligand, name, settings.seed)
    rng = np.random.default_rng(derive_seed("tempting", settings.seed, name) % 2**32)
    sphere = Sphere(center=crystal.mean(0), radius=DEFAULT_RADIUS)
    inside = free_points(atoms, sphere, derive_seed("tempting", settings.seed, name) % 2**32)[: settings.scattered]
    starts = ligand.at(np.concatenate([inside, other_sites(atoms, crystal.mean(0), settings.elsewhere, rng)]))
    seeds = [derive_seed("tempted", settings.seed, name, number) for number in range(len(starts))]
    keep = Basins(count=settings.basins)
    minima = vina.search_basins(starts, seeds, SearchSettings(moves=settings.moves), None, keep)
    fresh = np.ones(minima.shape[:2], dtype=bool)
    fresh[:, 1:] = (minima[:, 1:] != minima[:, :1]).any((2, 3))
    kind = np.broadcast_to(np.where(np.arange(len(starts)) < len(inside), SCATTERED, ELSEWHERE)[:, None], fresh.shape)
    pos, kind = minima[fresh], kind[fresh]
    inter, intra, _ = vina.energies(pos)
    own = np.unique(leaders(pos, inter + intra, COPY))
    pos, kind, inter, intra = pos[own], kind[own], inter[own], intra[own]
    score = contact_scores(
        scorer, ContactField(bound.receptor, field.receptor), bound.ligand, pos, VinaScores(inter, inter, intra)
    )
    order = np.argsort(-score, kind="stable")
    chosen = order[apart(pos[order], settings.apart)[: settings.poses]]
    return Decoys(
        pos=pos[chosen].astype(np.float32),
        inter=inter[chosen],
        intra=intra[chosen],
        rmsd=symmetric_rmsd(bound.ligand.mol, pos[chosen], crystal),
        kind=kind[chosen],
    )


def apart(pos: np.ndarray, least: float) -> np.ndarray:
    """Indices of poses (poses, atoms, 3), in their order, at least some Angstrom of RMSD from those before them."""
    return np.unique(leaders(pos, np.arange(len(pos)), least))
