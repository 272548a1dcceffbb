"""Poses of several ligands of one size in one network batch; their receptor is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from disco_dock.graph.batch import LigandSlots, bond_slots
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.random import derive_seed
from disco_dock.sampling.network_batch import CPU_GROUP, BatchRows, Complexes, ReceptorStates
from disco_dock.sampling.sample import DockedPoses, inference, sample_rows
from disco_dock.sampling.settings import DockingSettings
from disco_dock.weights.networks import Models

TORSION_UNIT, FEWEST_BONDS = 8, 4
"""Widths of a CPU's shared group: torsions of a ligand in steps of 8, and 4 bonds of an atom or what it has."""


class Shape(NamedTuple):
    """What ligands must have in common to share a CPU's group; it follows from the ligand alone."""

    atoms: int
    slots: LigandSlots


def shape_of(graph: ComplexGraph) -> Shape:
    """The shape of a ligand."""
    torsions = -(-graph.num_torsions // TORSION_UNIT) * TORSION_UNIT
    bonds = bond_slots(graph.bond_index, graph.bond_type, graph.num_atoms)[0].shape[1]
    return Shape(graph.num_atoms, LigandSlots(torsions=torsions, bonds=max(FEWEST_BONDS, bonds)))


def cpu_shares(num_poses: int) -> int:
    """How many ligands can share a CPU's group of 8: each gets 1, 2, 4 or all 8 of its rows."""
    return CPU_GROUP // min(1 << (num_poses - 1).bit_length(), CPU_GROUP)


def cpu_share(smiles: str, num_poses: int) -> int:
    """Which share of a CPU's group a ligand has, from 0; it follows from the ligand alone."""
    return derive_seed("share", smiles) % cpu_shares(num_poses)


def cpu_rows(shares: Sequence[int], num_poses: int) -> BatchRows:
    """The rows of a CPU's group for ligands with different shares of it."""
    width = CPU_GROUP // cpu_shares(num_poses)
    ligand, live = [0] * CPU_GROUP, []
    for number, share in enumerate(shares):
        begin = share * width
        ligand[begin : begin + width] = [number] * width
        live += range(begin, begin + num_poses)
    return BatchRows(ligand=tuple(ligand), pose=tuple(row % width for row in range(CPU_GROUP)), live=tuple(live))


def packed_rows(num_ligands: int, num_poses: int) -> BatchRows:
    """The rows of an accelerator: ligand after ligand, without blank rows."""
    ligand = tuple(number for number in range(num_ligands) for _ in range(num_poses))
    return BatchRows(ligand=ligand, pose=tuple(range(num_poses)) * num_ligands, live=tuple(range(len(ligand))))


def dock_together(
    models: Models,
    graphs: Sequence[ComplexGraph],
    settings: DockingSettings,
    names: Sequence[str],
    *,
    shares: Sequence[int] | None = None,
    states: ReceptorStates | None = None,
) -> list[DockedPoses]:
    """Sampled poses of each ligand, from one network batch.

    With shares, the shapes and the place of a pose do not depend on the other ligands, nor do its bits.
    Without shares, shapes follow from all of them, and poses equal those of `dock` up to rounding.

    Args:
        models: networks of a checkpoint.
        graphs: ligands of one number of atoms in the same receptor; with shares, of one shape.
        settings: how to sample; poses from 0 on, no chosen latents and no record.
        names: of each complex, part of the random key.
        shares: different ones from `cpu_share`, for a CPU; None on an accelerator.
        states: of this receptor, as in `dock`.

    Raises:
        NumericsError: a score of one of them is not finite.
    """
    num_poses = settings.num_poses
    rows = packed_rows(len(graphs), num_poses) if shares is None else cpu_rows(shares, num_poses)
    slots = LigandSlots() if shares is None else shape_of(graphs[0]).slots
    with inference():
        found = sample_rows(Complexes(models, graphs, settings, names, states, slots), rows)
        starts = range(0, len(graphs) * num_poses, num_poses)
        return [found.docked(slice(at, at + num_poses), graph.origin) for at, graph in zip(starts, graphs, strict=True)]
