"""The ligand of a graph as a molecule of elements and bonds, for its symmetries."""

from __future__ import annotations

from rdkit import Chem

from disco_dock.graph.schema import ComplexGraph

BOND_TYPES = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)


def skeleton(graph: ComplexGraph) -> Chem.Mol:
    """The ligand's elements and bonds as an RDKit molecule in the graph's atom order; not sanitised."""
    mol = Chem.RWMol()
    for number in (graph.lig_features[:, 0] + 1).tolist():
        mol.AddAtom(Chem.Atom(int(number)))
    pairs = graph.bond_index[:, ::2].T.tolist()
    for (first, second), kind in zip(pairs, graph.bond_type[::2].tolist(), strict=True):
        mol.AddBond(first, second, BOND_TYPES[kind])
    return mol.GetMol()
