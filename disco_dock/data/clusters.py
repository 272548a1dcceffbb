"""Clusters of complexes by protein sequence, and the scaffold of a ligand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy.cluster.hierarchy import DisjointSet

from disco_dock.chem.residue_features import RESIDUE_TYPES, one_letter, parent_residue
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.sequence_search import SequenceIndex, likeness

MIN_CHAIN = 20  # residues; shorter chains are peptides, which say nothing about the fold
VARIANT_PARENTS = {"HIP": "HIS", "HIE": "HIS", "HID": "HIS", "CYX": "CYS", "CYM": "CYS"}
"""Protonation and bonding variants that the dictionary of modified residues does not know."""

_CODES = np.array([one_letter(VARIANT_PARENTS.get(name, parent_residue(name) or name)) for name in RESIDUE_TYPES])


def chain_sequences(dataset: ComplexDataset, number: int) -> tuple[str, ...]:
    """Distinct sequences of the receptor chains of a complex, longest first; peptides only where there is no more."""
    arrays = dataset.arrays(number, "residues", "chains")
    return distinct_sequences(arrays["residues"], arrays["chains"])


def distinct_sequences(restype: np.ndarray, chains: np.ndarray) -> tuple[str, ...]:
    """Distinct sequences of chains, longest first; peptides only where there is no more.

    Args:
        restype: (residues,) index into `residue_features.RESIDUE_TYPES`.
        chains: (residues,) chain of each.
    """
    found = {"".join(_CODES[restype[chains == chain]]) for chain in np.unique(chains)}
    ordered = sorted(found, key=lambda sequence: (-len(sequence), sequence))
    return tuple(sequence for sequence in ordered if len(sequence) >= MIN_CHAIN) or tuple(ordered[:1])


def sequence_clusters(chains: Sequence[tuple[str, ...]], *, identity: float = 0.3, coverage: float = 0.6) -> np.ndarray:
    """Cluster number of each complex: connected components of the relation "some chains are alike".

    No two complexes of different clusters have chains that the search finds alike, so clusters can be split freely.

    Args:
        chains: sequences of each complex.
        identity: least fraction of identical columns of a local alignment.
        coverage: least fraction of the shorter chain inside the alignment.

    Returns:
        (complexes,) int64; clusters are numbered by their first complex.
    """
    sequences = sorted({sequence for own in chains for sequence in own})
    number_of = {sequence: number for number, sequence in enumerate(sequences)}
    sets = DisjointSet(range(len(sequences)))
    for own in chains:
        for other in own[1:]:
            sets.merge(number_of[own[0]], number_of[other])
    index = SequenceIndex(sequences)
    for number, sequence in enumerate(sequences):
        for other in index.candidates(sequence):
            if other >= number or sets.connected(other, number):
                continue
            found = likeness(sequence, sequences[other])
            if found.identity >= identity and found.coverage >= coverage:
                sets.merge(number, other)
    roots = [sets[number_of[own[0]]] for own in chains]
    first = {root: place for place, root in enumerate(dict.fromkeys(roots))}
    return np.array([first[root] for root in roots], dtype=np.int64)


def scaffold(smiles: str) -> str:
    """The Bemis-Murcko scaffold of a ligand as SMILES without stereo; of one without rings, the ligand itself."""
    mol = Chem.MolFromSmiles(smiles)
    core = MurckoScaffold.GetScaffoldForMol(mol)
    return Chem.MolToSmiles(core if core.GetNumAtoms() else mol, isomericSmiles=False)
