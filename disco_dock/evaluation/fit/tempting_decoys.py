"""Decoys that a contact score likes best among what a search finds: what it has to learn to tell from right poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disco_dock.docking.pose_search import COPY, leaders, lowest_places
from disco_dock.docking.refinement import check_side_chains
from disco_dock.evaluation.cases import Bound
from disco_dock.evaluation.fit.decoy_starts import RebuiltLigand, other_sites
from disco_dock.evaluation.fit.decoys import ELSEWHERE, SCATTERED, Decoys, scattered_places
from disco_dock.physics.search_settings import Basins, SearchSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer, VinaScores, fresh_minima
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer
from disco_dock.ranking.contact_score import contact_scores
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
    check_side_chains(bound.name, bound.receptor)
    name, crystal = bound.name, bound.ligand.pos
    assert crystal is not None
    field = VinaField(bound.receptor)
    vina = VinaScorer(field, bound.ligand.mol)
    ligand = RebuiltLigand(bound.ligand, name, settings.seed)
    seed = derive_seed("tempting", settings.seed, name) % 2**32
    inside = scattered_places(vina, crystal, seed, settings.scattered)
    outside = other_sites(field.receptor.pos, crystal.mean(0), settings.elsewhere, np.random.default_rng(seed))
    starts = ligand.at(np.concatenate([inside, outside]))
    seeds = [derive_seed("tempted", settings.seed, name, number) for number in range(len(starts))]
    keep = Basins(count=settings.basins)
    minima = vina.search_basins(starts, seeds, SearchSettings(moves=settings.moves), None, keep)
    fresh = fresh_minima(minima)
    pos, kind = minima[fresh], np.repeat([SCATTERED, ELSEWHERE], [len(inside), len(outside)])[np.nonzero(fresh)[0]]
    inter, intra, _ = vina.energies(pos)
    own = np.unique(leaders(pos, inter + intra, COPY))
    contacts = ContactField(bound.receptor, field.receptor)
    energies = VinaScores(inter[own], inter[own], intra[own])
    score = contact_scores(scorer, contacts, bound.ligand, pos[own], energies)
    chosen = own[lowest_places(pos[own], -score, settings.poses, settings.apart)]
    return Decoys.of(vina, bound, pos[chosen], kind[chosen])
