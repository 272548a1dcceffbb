"""One training complex, and its compact form as small integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from disco_dock.graph.heavy_atoms import SIDE_STEP, HeavyAtoms
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.errors import InputError

RECEPTOR_STEP = 0.01  # Angstrom per unit of a stored C-alpha coordinate
LIGAND_STEP = 0.002  # Angstrom per unit of a stored ligand coordinate, relative to the ligand's centre


@dataclass(frozen=True, kw_only=True)
class TrainingExample:
    """A complex to train on; poses are in the graph's frame, Angstrom.

    Attributes:
        name: id of the complex.
        graph: static features, with an RDKit conformer.
        pos_matched: (atoms, 3) the conformer with torsions matched to the crystal pose, superposed onto it.
        pos_crystal: (atoms, 3) the crystal pose.
    """

    name: str
    graph: ComplexGraph
    pos_matched: Tensor
    pos_crystal: Tensor


def _quantise(pos: np.ndarray, step: float, name: str) -> np.ndarray:
    units = np.rint(np.asarray(pos, dtype=np.float64) / step)
    if not np.isfinite(units).all() or np.abs(units).max(initial=0) > np.iinfo(np.int16).max:
        raise InputError(f"{name}: coordinates reach beyond {32767 * step:.0f} Angstrom; leave this complex out")
    return units.astype(np.int16)


def pack(example: TrainingExample) -> dict[str, np.ndarray]:
    """Flat arrays of an example; the inverse is `unpack`.

    Raises:
        InputError: coordinates too far out for 16 bits.
    """
    graph, name = example.graph, example.name
    centre = example.pos_crystal.double().numpy().mean(0)
    lig = {
        key: _quantise(value.double().numpy() - shift, LIGAND_STEP, name)
        for key, value, shift in (
            ("crystal", example.pos_crystal, centre),
            ("matched", example.pos_matched, centre),
            ("conformer", graph.conformer, 0.0),
        )
    }
    return {
        "atoms": graph.lig_features.numpy().astype(np.uint8),
        "bonds": graph.bond_index[:, ::2].T.numpy().astype(np.uint8),
        "bond_types": graph.bond_type[::2].numpy().astype(np.uint8),
        "torsions": graph.torsion_bonds.numpy().astype(np.uint8).reshape(-1, 2),
        "moved": np.packbits(graph.torsion_moved.numpy(), axis=1).reshape(-1),
        **lig,
        "centre": centre.astype(np.float32)[None],
        "residues": graph.rec_type.numpy().astype(np.uint8),
        "chains": graph.rec_chain.numpy().astype(np.uint8),
        "ca": _quantise(graph.rec_pos.double().numpy(), RECEPTOR_STEP, name),
        **({} if graph.heavy_atoms is None else _pack_heavy(graph.heavy_atoms, name)),
    }


def _pack_heavy(atoms: HeavyAtoms, name: str) -> dict[str, np.ndarray]:
    return {
        "heavy_kinds": atoms.kind.numpy().astype(np.uint8),
        "heavy_residues": atoms.residue.numpy().astype(np.int16),
        "heavy": _quantise(atoms.pos.double().numpy(), RECEPTOR_STEP, name),
        "heavy_sides": np.rint(atoms.side.numpy() * SIDE_STEP).astype(np.int8),
        "heavy_crowds": atoms.crowd.numpy().astype(np.uint8),
    }


def _unpack_heavy(arrays: dict[str, np.ndarray]) -> HeavyAtoms | None:
    if "heavy" not in arrays:
        return None
    return HeavyAtoms(
        kind=torch.from_numpy(arrays["heavy_kinds"].astype(np.int64)),
        residue=torch.from_numpy(arrays["heavy_residues"].astype(np.int64)),
        pos=torch.from_numpy(arrays["heavy"].astype(np.float32) * np.float32(RECEPTOR_STEP)),
        side=torch.from_numpy(arrays["heavy_sides"].astype(np.float32) / np.float32(SIDE_STEP)),
        crowd=torch.from_numpy(arrays["heavy_crowds"].astype(np.int64)),
    )


def unpack(name: str, arrays: dict[str, np.ndarray]) -> TrainingExample:
    """The example from its flat arrays."""
    num_atoms = len(arrays["atoms"])
    forward = arrays["bonds"].astype(np.int64)
    both = np.stack([forward, forward[:, ::-1]], 1).reshape(-1, 2).T
    num_torsions = len(arrays["torsions"])
    packed = arrays["moved"].reshape(num_torsions, -(-num_atoms // 8))
    moved = np.unpackbits(packed, axis=1, count=num_atoms).astype(bool)
    centre = arrays["centre"][0]

    def ligand(key: str) -> np.ndarray:
        return arrays[key].astype(np.float32) * np.float32(LIGAND_STEP)

    graph = ComplexGraph(
        lig_features=torch.from_numpy(arrays["atoms"].astype(np.int64)),
        bond_index=torch.from_numpy(np.ascontiguousarray(both)),
        bond_type=torch.from_numpy(np.repeat(arrays["bond_types"].astype(np.int64), 2)),
        torsion_bonds=torch.from_numpy(arrays["torsions"].astype(np.int64)),
        torsion_moved=torch.from_numpy(moved),
        conformer=torch.from_numpy(ligand("conformer")),
        rec_type=torch.from_numpy(arrays["residues"].astype(np.int64)),
        rec_pos=torch.from_numpy(arrays["ca"].astype(np.float32) * np.float32(RECEPTOR_STEP)),
        rec_chain=torch.from_numpy(arrays["chains"].astype(np.int64)),
        rec_lm=None,
        origin=np.zeros(3),
        heavy_atoms=_unpack_heavy(arrays),
    )
    return TrainingExample(
        name=name,
        graph=graph,
        pos_matched=torch.from_numpy(ligand("matched") + centre),
        pos_crystal=torch.from_numpy(ligand("crystal") + centre),
    )
