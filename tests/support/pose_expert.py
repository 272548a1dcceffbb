"""Small pose experts, and complexes with heavy atoms for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from disco_dock.chem.structures.protein_atoms import KINDS
from disco_dock.diffusion.schedule import Sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.heavy_atoms import HeavyAtoms
from disco_dock.graph.ligand_batch import collate_ligands
from disco_dock.graph.schema import ComplexGraph
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.models.score import ScoreOutput
from disco_dock.training.score.step import pad_positions
from tests.support.graphs import random_graph

SMALL = PoseExpertConfig(scalars=12, vectors=4, bond_layers=1, layers=2, radial=8, torsion_fields=2, receptor_layers=1)


@lru_cache(maxsize=2)
def small_expert(config: PoseExpertConfig = SMALL) -> PoseExpert:
    """A pose expert with random weights that say something."""
    torch.manual_seed(3)
    expert = PoseExpert(config).eval().requires_grad_(False)
    for parameter in expert.readout.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    return expert


def random_atoms(seed: int, count: int = 60) -> HeavyAtoms:
    """Heavy atoms scattered around the origin."""
    draws = torch.Generator().manual_seed(seed)
    return HeavyAtoms(
        kind=torch.randint(len(KINDS), (count,), generator=draws),
        residue=torch.arange(count) // 6,
        pos=5.0 * torch.randn(count, 3, generator=draws),
        side=0.5 * torch.randn(count, 3, generator=draws),
        crowd=torch.randint(60, (count,), generator=draws),
    )


def heavy_graph(seed: int, atoms: int = 9, *, torsions: int = 3) -> ComplexGraph:
    """A made-up complex with heavy atoms."""
    return replace(random_graph(seed, atoms=atoms, torsions=torsions), heavy_atoms=random_atoms(seed))


def levels(rows: int, level: float = 0.5) -> Sigmas:
    """Noise levels, the same for each row."""
    return Sigmas(torch.full((rows,), 2 * level), torch.full((rows,), level), torch.full((rows,), 2 * level))


@torch.no_grad()
def predicted(
    expert: PoseExpert, graphs: Sequence[ComplexGraph], pos: Sequence[Tensor], sigma: Sigmas | None = None
) -> ScoreOutput:
    """What an expert says of one pose of each complex."""
    ligands = collate_ligands(graphs)
    parts = [graph.heavy_atoms for graph in graphs if graph.heavy_atoms is not None]
    return expert(
        ligands,
        pad_positions(pos, ligands.mask.shape[1]).to(pos[0].dtype),
        levels(len(graphs)) if sigma is None else sigma,
        igso3_table(),
        ligands=expert.ligands(ligands),
        receptors=expert.receptors(parts),
        owner=range(len(graphs)),
    )
