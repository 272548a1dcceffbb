"""Whether a ligand is of a size that docking works for; light to import."""

from __future__ import annotations

from collections.abc import Iterator

from disco_dock.chem.ligand import Ligand
from disco_dock.runtime.notes import Caution

LARGE = 35  # heavy atoms; docs/reliability.md has the rates by size


def size_notes(ligand: Ligand) -> Iterator[str]:
    """Whether the ligand is larger than those that docking was measured to work for."""
    if ligand.num_atoms > LARGE:
        yield Caution(
            f"the ligand has {ligand.num_atoms} heavy atoms: few poses of ligands above {LARGE} were right where that "
            "was measured, so take these as suggestions only"
        )
