"""Whether a ligand is one that docking was measured to work for; light to import."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from rdkit import Chem

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.runtime.notes import Caution

LARGE = 35  # heavy atoms; docs/reliability.md has the rates by size
FLEXIBLE = 12  # rotatable bonds; the model card has the rates
MACROCYCLE = 12  # atoms of a ring
_RESIDUE = "[NX3][CX4][CX3](=[OX1])"
PEPTIDE = _RESIDUE * 3


def size_notes(ligand: Ligand) -> Iterator[str]:
    """Why poses of a ligand are suggestions only: its size, its flexibility, or a kind that was not measured."""
    if ligand.num_atoms > LARGE:
        yield Caution(
            f"the ligand has {ligand.num_atoms} heavy atoms: few poses of ligands above {LARGE} were right where that "
            "was measured, so take these as suggestions only"
        )
    else:
        bonds = len(rotatable_bonds(ligand.mol).bonds)
        if bonds > FLEXIBLE:
            yield Caution(
                f"the ligand has {bonds} rotatable bonds: no first pose of ligands above {FLEXIBLE} was right where "
                "that was measured (16 complexes), so take these as suggestions only"
            )
    ring = max((len(atoms) for atoms in ligand.mol.GetRingInfo().AtomRings()), default=0)
    if ring >= MACROCYCLE:
        yield Caution(
            f"the ligand is a macrocycle (a ring of {ring} atoms): its ring keeps the conformer's shape in search, and "
            "macrocycles were not measured; dock with several seeds"
        )
    if ligand.mol.HasSubstructMatch(_peptide()):
        yield Caution("the ligand is a peptide: peptides were not measured, so take its poses as suggestions only")


@cache
def _peptide() -> Chem.Mol:
    """Three amino-acid residues in a row."""
    return Chem.MolFromSmarts(PEPTIDE)
