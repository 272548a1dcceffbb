"""GNINA's fast convolutional network on poses, where the package `rustina` is installed; its weights are not ours.

The network sees densities of typed heavy atoms on a grid. What types them is a PDBQT text, so receptor and ligand are
written as such with the kinds that our own Vina energy gives them; hydrogens in it only say who donates.

Sources: McNutt et al., J. Cheminform. 2021, 13, 43 (GNINA 1.0); https://github.com/AdrienCerdan/rustina.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from disco_dock.runtime.errors import ConfigError, InputError

if TYPE_CHECKING:  # the table of scores, which `--help` reads, names the functions of this module
    import numpy as np

    from disco_dock.chem.ligand import Ligand
    from disco_dock.chem.receptor import Receptor

PACKAGE = "rustina"
REACH = 26.0
"""Angstrom from a pose's centroid to the corner of the grid, and what of an atom outside reaches in."""
BOND = 1.0  # Angstrom to a hydrogen
RINGS = {
    **dict.fromkeys(("PHE", "TYR"), ("CG", "CD1", "CD2", "CE1", "CE2", "CZ")),
    "TRP": ("CG", "CD1", "CD2", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
    **dict.fromkeys(("HIS", "HID", "HIE", "HIP"), ("CG", "CD2", "CE1")),
}
"""Aromatic carbons by residue."""


def require_rustina() -> None:
    """Check that Rustina is there.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec(PACKAGE) is None:
        raise ConfigError(
            "ranking by cnn needs rustina; pip install 'disco-dock[cnn]' (there are wheels for Linux on x86-64 only), "
            "or rank by contacts"
        )


def cnn_note() -> str:
    """Where the score comes from, in a sentence."""
    from disco_dock.runtime.versions import package_version

    return (
        "cnn is the probability of a near pose by GNINA's fast network (all_default_to_default_1_3_1, Apache-2.0), "
        f"computed by rustina {package_version(PACKAGE)}; it is no part of this checkpoint, and may have seen this "
        "complex in its training"
    )


def cnn_probability(receptor: Receptor, ligand: Ligand, pos: np.ndarray) -> np.ndarray:
    """(poses,) the network's probability that a pose is near the true one.

    Args:
        receptor: with its atoms and kept groups.
        ligand: of L heavy atoms.
        pos: (poses, L, 3) Angstrom in the receptor's frame.

    Raises:
        ConfigError: Rustina is not installed.
        InputError: it cannot read what it is given.
    """
    require_rustina()
    import numpy as np
    import rustina

    atoms = _receptor_atoms(receptor)
    where = np.array([place for place, _ in atoms])
    kinds = _ligand_types(ligand)
    found = []
    for one in pos:
        near = np.flatnonzero(np.linalg.norm(where - one.mean(0), axis=1) < REACH)
        if not len(near):  # far from everything
            found.append(0.0)
            continue
        around, own = _lines(atoms[atom] for atom in near.tolist()), _lines(_ligand_atoms(one, kinds))
        try:
            seen = rustina.score_cnn(around, f"ROOT\n{own}ENDROOT\nTORSDOF 0\n")
            found.append(float(seen["cnn_score"]))
        except (ValueError, RuntimeError) as error:
            raise InputError(f"rustina cannot score the poses ({error}); rank by contacts") from error
    return np.array(found, dtype=np.float64)


def _receptor_atoms(receptor: Receptor) -> list[tuple[np.ndarray, str]]:
    """Places and AutoDock types of the receptor's heavy atoms, each donor followed by a hydrogen."""
    import numpy as np
    from scipy.spatial import KDTree

    from disco_dock.chem.structures.named_atoms import named_atoms
    from disco_dock.physics.vina_receptor import vina_receptor

    atoms, seen = named_atoms(receptor), vina_receptor(receptor)
    heavy = np.flatnonzero(~atoms.hydrogen).tolist()
    tree = KDTree(seen.pos)
    found: list[tuple[np.ndarray, str]] = []
    for place, kind, atom in zip(seen.pos, seen.atoms.kind.tolist(), heavy, strict=True):
        residue, name = atoms.names[atom]
        ring = name in RINGS.get(residue, ())
        found.extend(_typed(place, str(atoms.elements[atom]), kind, ring, seen.pos[tree.query_ball_point(place, 1.9)]))
    return found


def _ligand_types(ligand: Ligand) -> list[tuple[str, int, bool, list[int]]]:
    """Element, Vina kind, whether aromatic, and neighbours of each heavy atom."""
    from disco_dock.physics.vina_ligand import ligand_kinds

    kinds = ligand_kinds(ligand.mol).kind.tolist()
    return [
        (atom.GetSymbol(), kind, atom.GetIsAromatic(), [other.GetIdx() for other in atom.GetNeighbors()])
        for atom, kind in zip(ligand.mol.GetAtoms(), kinds, strict=True)
    ]


def _ligand_atoms(
    pos: np.ndarray, kinds: Sequence[tuple[str, int, bool, list[int]]]
) -> Iterator[tuple[np.ndarray, str]]:
    """The same of a ligand's pose (L, 3)."""
    for place, (element, kind, ring, others) in zip(pos, kinds, strict=True):
        yield from _typed(place, element, kind, ring, pos[others])


def _typed(
    place: np.ndarray, element: str, kind: int, ring: bool, others: np.ndarray
) -> Iterator[tuple[np.ndarray, str]]:
    """A heavy atom with its AutoDock type, and a hydrogen opposite to its neighbours where it donates."""
    import numpy as np

    from disco_dock.physics.vina_terms import ACCEPTOR, DONOR

    names = {"C": "A" if ring else "C", "N": "NA" if kind & ACCEPTOR else "N", "O": "OA", "S": "SA"}
    yield place, names.get(element, element)
    if element in ("N", "O") and kind & DONOR:
        away = place - others.mean(0) if len(others) else np.zeros(3)
        length = np.linalg.norm(away)
        yield place + BOND * (away / length if length > 1e-3 else np.array([1.0, 0.0, 0.0])), "HD"


def _lines(atoms: Iterable[tuple[np.ndarray, str]]) -> str:
    """Atoms as PDBQT."""
    return "".join(
        f"ATOM  {number:5d}  {kind[:1]:<3} UNK A   1    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00    +0.000 {kind:<2}\n"
        for number, ((x, y, z), kind) in enumerate(atoms, start=1)
    )
