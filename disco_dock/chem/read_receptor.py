"""A structure file to a receptor: which groups are residues, which are context, and what is worth saying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.group_choice import choose_groups
from disco_dock.chem.group_request import GroupChoice, place_label
from disco_dock.chem.hetero_groups import group_kind, is_nucleotide_by_atoms, is_water
from disco_dock.chem.ligands.ligand_files import suffix_of
from disco_dock.chem.receptor import HeteroGroup, Receptor
from disco_dock.chem.residue_features import HEAVY_ATOMS, parent_residue, residue_type_index
from disco_dock.chem.structures.atom_records import RecordTally
from disco_dock.chem.structures.structure_files import Group, StructureFile, as_structure
from disco_dock.runtime.errors import InputError

PEPTIDE_BOND = 2.0  # Angstrom between C and the next N, generous
TRACE_STEP = 4.5  # Angstrom between consecutive C-alpha atoms, generous
BACKBONE = frozenset({"N", "CA", "C", "O", "OXT", "CB", "H", "HA"})
PEPTIDE_LENGTH = 15
MAX_NAMED = 4


def read_receptor(
    source: str | Path | StructureFile,
    *,
    chains: Sequence[str] | None = None,
    keep_within: tuple[np.ndarray, float] | None = None,
    groups: GroupChoice | None = None,
    replaced: np.ndarray | None = None,
) -> Receptor:
    """The receptor in a PDB, PDBQT, PQR or mmCIF file, plain or gzipped.

    A group is a residue when it has a C-alpha atom and is an amino acid of the chain; every other group except water
    becomes context. Models, alternate locations and chains of one name are chosen as in `read_structure`.

    Args:
        source: structure file, or what `read_structure` gave, which several receptors may be made of.
        chains: chains to keep ("_" for a blank one), or None for all.
        keep_within: positions (n, 3) and a distance in Angstrom; chains without an atom that close are dropped.
        groups: which groups the user keeps and drops.
        replaced: (atoms, 3) of the molecule in whose place the ligand is docked; a group there is dropped.

    Raises:
        InputError: the file cannot be read, a chain or group is absent, or no residue is left.
    """
    found = as_structure(source)
    path, notes, tally, all_groups = found.path, list(found.notes), found.tally.copy(), found.groups
    selected = _select_chains(path, found, chains)
    is_residue = _residues(selected)
    residues = [group for group, kept in zip(selected, is_residue, strict=True) if kept]
    others = [group for group, kept in zip(selected, is_residue, strict=True) if not kept]
    tally.drop("a chain that is not wanted", _atoms(all_groups) - _atoms(selected))
    if keep_within is not None:
        before = _atoms(residues) + _atoms(others)
        residues, dropped = _near(path, residues, *keep_within)
        others = [group for group in others if group.chain not in dropped]
        tally.drop("a chain far from the pocket", before - _atoms(residues) - _atoms(others))
        notes += [
            f"chain {_chain(name)} is farther than {keep_within[1]:g} Angstrom from the pocket and left out"
            for name in dropped
        ]
    if not residues:
        raise InputError(f"{path}: no amino-acid residue with a C-alpha atom was found{_found(others)}; give a protein")
    heavy = np.concatenate([group.pos[_heavy(group)] for group in residues])
    context, group_notes = choose_groups(
        str(path),
        _context(others, tally),
        heavy,
        groups or GroupChoice(),
        replaced=replaced,
        originals=found.originals,
    )
    for group in context:
        if not group.kept:
            rule = "water" if group.kind == "water" else f"group left out: {group.kind}"
            tally.drop(rule, len(group.elements))
    context = [group for group in context if group.kept or group.kind != "water"]
    context_notes = [*_context_notes(context), *group_notes]
    lengths = [len(group.atom_names) for group in residues]
    return Receptor(
        source=str(path),
        name=path.name.removesuffix(".gz").removesuffix(suffix_of(path)),
        chains=tuple(group.chain for group in residues),
        numbers=tuple(group.number for group in residues),
        insertions=tuple(group.insertion for group in residues),
        names=tuple(parent_residue(group.name) or group.name for group in residues),
        file_names=tuple(group.name for group in residues),
        restype=np.array([residue_type_index(group.name) for group in residues], dtype=np.int64),
        ca_pos=np.array([group.pos[_alpha(group)] for group in residues]),
        atom_pos=np.concatenate([group.pos for group in residues]),
        atom_names=tuple(name for group in residues for name in group.atom_names),
        atom_elements=tuple(element for group in residues for element in group.elements),
        atom_residue=np.repeat(np.arange(len(residues)), lengths),
        context=tuple(context),
        notes=(*notes, *_residue_notes(residues), *_missing_notes(residues, others), *context_notes),
        tally=tally.as_dict(),
        file_chains=found.originals,
    )


def _atoms(groups: Sequence[Group]) -> int:
    return sum(len(group.atom_names) for group in groups)


def _select_chains(path: Path, found: StructureFile, chains: Sequence[str] | None) -> list[Group]:
    """The groups of the wanted chains; a letter that the file uses several times means all of its chains."""
    if chains is None:
        return found.groups
    wanted = {chain.strip().replace("_", "") for chain in chains}
    present = dict.fromkeys(group.chain.strip() for group in found.groups)
    whole = {found.originals.get(name, name) for name in present} - set(present)
    absent = sorted(wanted - set(present) - whole)
    if absent:
        there = ", ".join(name or "_" for name in present)
        raise InputError(f"{path}: has no chain {absent[0] or '_'}; choose among {there}")
    return [
        group
        for group in found.groups
        if group.chain.strip() in wanted or found.originals.get(group.chain) in wanted & whole
    ]


def _alpha(group: Group) -> int | None:
    """Index of the C-alpha atom; a calcium ion, also named CA, is none."""
    for index, (name, element) in enumerate(zip(group.atom_names, group.elements, strict=True)):
        if name == "CA" and element == "C":
            return index
    return None


def _residues(groups: Sequence[Group]) -> list[bool]:
    """Which groups are residues of a protein chain.

    ATOM records of known residues are taken with a C-alpha atom alone; HETATM records and unknown names must be bound
    into a chain, so that a free amino acid or an inhibitor with atoms called N, CA and C stays a ligand.
    """
    alphas = [None if is_water(group.name) else _alpha(group) for group in groups]
    sure = [
        alpha is not None
        and not group.hetero
        and (parent_residue(group.name) is not None or BACKBONE.issuperset(group.atom_names))
        for group, alpha in zip(groups, alphas, strict=True)
    ]
    doubtful = [index for index, alpha in enumerate(alphas) if alpha is not None and not sure[index]]
    if not doubtful:
        return sure
    neighbours = _Backbone([(group, alpha) for group, alpha in zip(groups, alphas, strict=True) if alpha is not None])
    for index in doubtful:
        sure[index] = neighbours.links(groups[index])
    return sure


class _Backbone:
    """The backbone atoms of all groups that may be residues, to be searched by place.

    Args:
        candidates: groups and the index of their C-alpha atom.
    """

    def __init__(self, candidates: Sequence[tuple[Group, int]]) -> None:
        self._trees = {
            name: _tree(
                [group.pos[group.atom_names.index(name)] for group, _ in candidates if name in group.atom_names]
            )
            for name in ("N", "C")
        }
        self._alphas = _tree([group.pos[alpha] for group, alpha in candidates])

    def links(self, group: Group) -> bool:
        """Whether a candidate is bound to another through the backbone, or follows it in a C-alpha trace."""
        ends = {name: group.pos[group.atom_names.index(name)] for name in ("N", "C") if name in group.atom_names}
        if len(ends) == 2:
            own = float(np.linalg.norm(ends["N"] - ends["C"])) < PEPTIDE_BOND  # its own partner is found too
            pairs = (("N", "C"), ("C", "N"))
            return any(_count(self._trees[partner], ends[name], PEPTIDE_BOND) > own for name, partner in pairs)
        return len(group.atom_names) == 1 and _count(self._alphas, group.pos[0], TRACE_STEP) > 1


def _tree(points: list[np.ndarray]) -> KDTree | None:
    return KDTree(np.array(points)) if points else None


def _count(tree: KDTree | None, point: np.ndarray, radius: float) -> int:
    """Points of the tree closer than a distance, at most two: the point itself and another."""
    if tree is None:
        return 0
    distances, _ = tree.query(point, k=2, distance_upper_bound=radius)
    return int(np.isfinite(distances).sum())


def _near(path: Path, residues: list[Group], pos: np.ndarray, cutoff: float) -> tuple[list[Group], list[str]]:
    """Residues of chains with an atom within `cutoff` of the positions, and the names of the other chains."""
    tree = KDTree(np.asarray(pos, dtype=float).reshape(-1, 3))
    by_chain: dict[str, list[np.ndarray]] = {}
    for group in residues:
        by_chain.setdefault(group.chain, []).append(group.pos)
    near = {
        chain: bool(np.isfinite(tree.query(np.concatenate(parts), distance_upper_bound=cutoff)[0]).any())
        for chain, parts in by_chain.items()
    }
    if residues and not any(near.values()):
        raise InputError(
            f"{path}: no chain is within {cutoff:g} Angstrom of the ligand or pocket; check that both are in one frame"
        )
    return [group for group in residues if near[group.chain]], [chain for chain, kept in near.items() if not kept]


def _heavy(group: Group) -> list[int]:
    return [index for index, element in enumerate(group.elements) if element not in ("H", "D")]


def _context(groups: Sequence[Group], tally: RecordTally) -> list[HeteroGroup]:
    """Groups around the protein without hydrogens, waters among them."""
    context: list[HeteroGroup] = []
    for group in groups:
        kind = group_kind(group.name, group.elements, group.pos)
        lost = parent_residue(group.name) is not None and not group.hetero
        if lost and kind in ("ligand", "other") and not is_nucleotide_by_atoms(group.name, group.elements):
            tally.drop("residue without a C-alpha atom", len(group.elements))
            continue
        heavy = _heavy(group)
        tally.drop("hydrogen of a group", len(group.elements) - len(heavy))
        if not heavy:
            continue
        context.append(
            HeteroGroup(
                name=group.name,
                chain=group.chain,
                number=group.number,
                insertion=group.insertion,
                kind=kind,
                elements=tuple(group.elements[index] for index in heavy),
                atom_names=tuple(group.atom_names[index] for index in heavy),
                pos=group.pos[heavy],
            )
        )
    return context


def _context_notes(context: Sequence[HeteroGroup]) -> list[str]:
    """A sentence for each kind of groups, kept and left out."""
    notes = []
    for kind, sentence in (
        ("metal", "metals are kept and checked for clashes"),
        ("ion", "ions are kept and checked for clashes"),
        ("cofactor", "cofactors are kept and checked for clashes"),
        ("water", "waters are kept and checked for clashes"),
        ("other", "other groups are kept and checked for clashes"),
        ("additive", "buffers and cryoprotectants are kept and checked for clashes"),
        ("ligand", "co-crystallised ligands are kept and checked for clashes"),
    ):
        labels = [group.label for group in context if group.kind == kind and group.kept]
        if labels:
            notes.append(f"{sentence}: {_named(labels)}")
    gone = [group for group in context if not group.kept]
    ligands = [group.label for group in gone if group.kind == "ligand"]
    if ligands:
        notes.append(
            f"co-crystallised ligands are ignored while docking and not checked for clashes: {_named(ligands)}; keep "
            f"one with --keep {ligands[0]}, or dock in its place with --pocket-ligand {ligands[0]}"
        )
    others = [group.label for group in gone if group.kind != "ligand"]
    if others:
        notes.append(f"left out as buffer, loose group or unwanted: {_named(others)}; keep one with --keep {others[0]}")
    return notes


def _residue_notes(residues: Sequence[Group]) -> list[str]:
    """Sentences about modified, unknown and incomplete residues and about short chains."""
    notes = []
    modified = Counter(
        (group.name, parent) for group in residues if (parent := parent_residue(group.name)) not in (None, group.name)
    )
    notes += [f"{count} {name} treated as {parent}" for (name, parent), count in modified.items()]
    unknown = [_label(group) for group in residues if parent_residue(group.name) is None]
    if unknown:
        notes.append(f"residues of an unknown type: {_named(unknown)}")
    heavy = [sum(element not in ("H", "D") for element in group.elements) for group in residues]
    lacking = [
        _label(group)
        for group, count in zip(residues, heavy, strict=True)
        if count < HEAVY_ATOMS.get(parent_residue(group.name) or "", 0)
    ]
    if max(heavy) == 1:
        notes.append("the file holds C-alpha atoms only: clashes with side chains cannot be counted")
    elif lacking:
        notes.append(f"residues with missing heavy atoms: {_named(lacking)}")
    for chain, count in Counter(group.chain for group in residues).items():
        if count <= PEPTIDE_LENGTH and len(residues) > count:
            notes.append(
                f"chain {_chain(chain)} is a peptide of {count} residues and part of the receptor; leave it out with "
                "--chains if it is a ligand"
            )
    return notes


def _missing_notes(residues: Sequence[Group], others: Sequence[Group]) -> list[str]:
    """A sentence about residues without a C-alpha atom, which are left out."""
    lost = [
        _label(group)
        for group in others
        if not group.hetero
        and parent_residue(group.name) is not None
        and not is_nucleotide_by_atoms(group.name, group.elements)
    ]
    return [f"residues without a C-alpha atom are left out: {_named(lost)}"] if lost and residues else []


def _found(others: Sequence[Group]) -> str:
    names = Counter(group.name for group in others)
    if not names:
        return ""
    return " (found: " + ", ".join(f"{count} {name}" for name, count in names.most_common(MAX_NAMED)) + ")"


def _named(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - MAX_NAMED} more" if len(labels) > MAX_NAMED else ""
    return ", ".join(labels[:MAX_NAMED]) + more


def _label(group: Group) -> str:
    return place_label(group.chain, group.name, group.number, group.insertion)


def _chain(name: str) -> str:
    return name.strip() or "_"
