"""The ligand of a graph as a molecule: the features hold all of it, so shards need no copy."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_features import BOND_TYPES
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.errors import InputError

CHIRALITY = (
    Chem.ChiralType.CHI_UNSPECIFIED,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
    Chem.ChiralType.CHI_UNSPECIFIED,
)


def skeleton(graph: ComplexGraph) -> Chem.Mol:
    """The ligand's elements and bonds as an RDKit molecule in the graph's atom order; not sanitised."""
    mol = Chem.RWMol()
    for number in (graph.lig_features[:, 0] + 1).tolist():
        mol.AddAtom(Chem.Atom(int(number)))
    _add_bonds(mol, graph)
    return mol.GetMol()


def ligand_of(graph: ComplexGraph, pos: np.ndarray, name: str) -> Ligand:
    """The ligand of a graph with a pose, in the graph's atom order.

    Elements, charges, hydrogens, chirality tags and bond types are features of the graph; the configuration of double
    bonds is read off the pose.

    Args:
        graph: complex.
        pos: float64 (atoms, 3) in Angstrom.
        name: of the complex.

    Raises:
        InputError: the features are not those of a molecule.
    """
    mol = Chem.RWMol()
    for element, tag, _, charge, _, hydrogens, radicals, _, aromatic, *_ in graph.lig_features.tolist():
        atom = Chem.Atom(element + 1)
        atom.SetChiralTag(CHIRALITY[tag])
        atom.SetFormalCharge(charge - 5)
        atom.SetNumExplicitHs(hydrogens)
        atom.SetNoImplicit(True)
        atom.SetNumRadicalElectrons(radicals)
        atom.SetIsAromatic(bool(aromatic))
        mol.AddAtom(atom)
    _add_bonds(mol, graph)
    conformer = Chem.Conformer(len(pos))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(pos, dtype=np.float64))
    mol.AddConformer(conformer)
    out = mol.GetMol()
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(out)
            Chem.DetectBondStereochemistry(out)
            Chem.AssignStereochemistry(out, cleanIt=True, force=True)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{name}: its features are not those of a molecule ({error}); build the shards again"
        ) from error
    return Ligand(source=name, name=name, mol=out, pos=np.asarray(pos, dtype=np.float64), notes=(), index_in_file=0)


def _add_bonds(mol: Chem.RWMol, graph: ComplexGraph) -> None:
    pairs = graph.bond_index[:, ::2].T.tolist()
    for (first, second), kind in zip(pairs, graph.bond_type[::2].tolist(), strict=True):
        mol.AddBond(first, second, BOND_TYPES[kind])
