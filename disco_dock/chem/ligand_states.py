"""The states in which a ligand is docked: protonation states at a pH, and configurations of open stereo."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.protonation_states import protonation_states
from disco_dock.chem.state_limits import check_count, check_ph
from disco_dock.chem.stereo_isomers import stereo_isomers
from disco_dock.runtime.errors import InputError

LigandReader = Callable[[str | Ligand], Iterator[Ligand | LigandFailure]]
"""Yields the molecules of a file or SMILES; of a ligand that was read already, itself."""


def ligand_states(ligand: Ligand, *, protonate: float | None = None, isomers: int = 0) -> list[Ligand]:
    """Each protonation state in each configuration, as ligands with names of their own; the ligand itself for none.

    Args:
        ligand: as read.
        protonate: pH of its protonation, or None to leave it as it is.
        isomers: most configurations of each protonation state, or 0 to leave open stereo to the conformer.

    Raises:
        ConfigError: a number is out of range.
        InputError: see `protonation_states`.
    """
    states = [ligand] if protonate is None else protonation_states(ligand, protonate)
    if not isomers:
        return states
    return [isomer for state in states for isomer in stereo_isomers(state, isomers)]


def state_reader(read: LigandReader, *, protonate: float | None = None, isomers: int = 0) -> LigandReader:
    """A reader that yields the `ligand_states` of each molecule in its place; `read` itself where none are asked for.

    A molecule whose protonation fails is yielded as a failure.

    Raises:
        ConfigError: a number is out of range.
    """
    if protonate is None and not isomers:
        return read
    if protonate is not None:
        check_ph(protonate)
    if isomers:
        check_count(isomers)

    def states(given: str | Ligand) -> Iterator[Ligand | LigandFailure]:
        for molecule in read(given):
            if isinstance(molecule, LigandFailure):
                yield molecule
                continue
            try:
                yield from ligand_states(molecule, protonate=protonate, isomers=isomers)
            except InputError as error:
                yield LigandFailure(
                    source=molecule.source, index=molecule.index_in_file, name=molecule.name, message=str(error)
                )

    return states
