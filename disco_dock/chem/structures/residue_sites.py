"""Atom records to residues and groups: what belongs together, and where a chain begins anew under the same letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase, digits

import numpy as np

from disco_dock.chem.residue_features import is_nucleotide, parent_residue
from disco_dock.chem.structures.atom_records import AtomRecord

NEAR = 3.0  # Angstrom within which atoms that come later in the file belong to a residue of their number
BONDED = 1.95  # Angstrom, longest bond between atoms of one molecule that repeats its names


@dataclass(eq=False)
class Site:
    """The records at one place of a chain: one residue, its alternate locations, or several residues of a mutation.

    Attributes:
        chain: name in the file.
        copy: 0 for the first chain of that name, then 1, 2 ...
        records: in file order.
    """

    chain: str
    copy: int
    records: list[AtomRecord]
    taken: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def polymer(self) -> bool:
        """Whether it has the name of an amino acid or nucleotide."""
        return _is_polymer(self.records[0])

    def add(self, record: AtomRecord) -> None:
        """Take in a record."""
        self.records.append(record)
        self.taken.add(_key(record))

    def fits(self, record: AtomRecord) -> bool:
        """Whether a record that follows in the file can be of this site: by its names and alternate locations."""
        same = any(one.residue == record.residue for one in self.records)
        mutated = bool(record.altloc) and any(one.altloc for one in self.records)
        return (same or mutated) and _key(record) not in self.taken

    def is_near(self, record: AtomRecord) -> bool:
        """Whether a record lies among the atoms of this site."""
        return any(
            sum((a - b) ** 2 for a, b in zip(one.pos, record.pos, strict=True)) < NEAR**2 for one in self.records
        )


def _key(record: AtomRecord) -> tuple[str, str, str]:
    return record.residue, record.name, record.altloc


def _is_polymer(record: AtomRecord) -> bool:
    return not record.hetero and (parent_residue(record.residue) is not None or is_nucleotide(record.residue))


class _Chain:
    """The chains of one name while the file is read."""

    def __init__(self) -> None:
        self.copy, self.segment, self.part = 0, "", 0
        self.number: int | None = None
        self.places: dict[tuple[int, str], Site] = {}

    def begins_anew(self, record: AtomRecord, earlier: Site | None) -> bool:
        """Whether a residue of the polymer is the first of another chain of the same name."""
        if self.number is None:
            return False
        if record.segment and self.segment and record.segment != self.segment:
            return True
        if earlier is not None and earlier.polymer:
            return not (earlier.fits(record) and earlier.is_near(record))
        return record.part != self.part and (record.number <= self.number or not record.chain)

    def start(self) -> None:
        """Begin the next chain of the name."""
        self.copy, self.places, self.number = self.copy + 1, {}, None


def sites_of(records: Sequence[AtomRecord]) -> list[Site]:
    """The residues and groups of a model, in file order.

    A chain letter stands for several chains when its residues are numbered anew, when they go on after TER with lower
    numbers (or without a letter), or in another segment.
    """
    sites: list[Site] = []
    chains: dict[str, _Chain] = {}
    current: Site | None = None
    last: AtomRecord | None = None
    for record in records:
        chain = chains.setdefault(record.chain, _Chain())
        place = (record.number, record.insertion)
        goes_on = (
            current is not None
            and last is not None
            and (last.chain, last.segment, last.number, last.insertion, last.part)
            == (record.chain, record.segment, *place, record.part)
        )
        if goes_on and current is not None and _continues(current, record):
            current.add(record)
            last = record
            continue
        earlier = chain.places.get(place)
        polymer = _is_polymer(record)
        if polymer and not goes_on and chain.begins_anew(record, earlier):
            chain.start()
            earlier = None
        if earlier is not None and earlier.fits(record) and earlier.is_near(record):
            current = earlier
        else:
            current = Site(record.chain, chain.copy, [])
            sites.append(current)
            if earlier is None or (polymer and not earlier.polymer):
                chain.places[place] = current
        current.add(record)
        last = record
        if polymer:
            chain.number, chain.part = record.number, record.part
            chain.segment = record.segment
    return [piece for site in sites for piece in _separated(site)]


def _continues(site: Site, record: AtomRecord) -> bool:
    """Whether the next record, of the same number, is of the same site.

    Equal names in a group are atoms of one molecule, and two hydrogens may share one; a second N or C-alpha begins the
    next residue.
    """
    if any(one.residue == record.residue for one in site.records):
        return _key(record) not in site.taken or not site.polymer or record.name not in ("N", "CA", "P")
    return bool(record.altloc) and any(one.altloc for one in site.records)


def _separated(site: Site) -> Iterator[Site]:
    """The site, or the molecules in it when its names come again without a bond between: waters of one number."""
    names = [record.name for record in site.records]
    count = len(names)
    if site.polymer or len(set(names)) == count or any(record.altloc for record in site.records):
        yield site
        return
    period = next(size for size in range(1, count + 1) if count % size == 0 and names == names[:size] * (count // size))
    pos = np.array([record.pos for record in site.records]).reshape(-1, period, 3)
    gaps = np.linalg.norm(pos[:-1, :, None] - pos[1:, None], axis=-1) if len(pos) > 1 else np.zeros((0, 1, 1))
    if period == count or (gaps.reshape(len(gaps), -1).min(1) < BONDED).any():
        yield site
        return
    for start in range(0, count, period):
        yield Site(site.chain, site.copy, site.records[start : start + period])


def name_copies(sites: Sequence[Site]) -> dict[tuple[str, int], str]:
    """A name for each chain and copy: its own for the first, for others of that name a segment, letter or number."""
    chains = list(dict.fromkeys((site.chain, site.copy) for site in sites))
    repeated = {chain for chain, copy in chains if copy}
    used = {chain for chain, _ in chains}
    free = (letter for letter in ascii_uppercase + digits if letter not in used)
    segments: dict[tuple[str, int], str] = {}
    for site in sites:
        if site.polymer:
            segments.setdefault((site.chain, site.copy), site.records[0].segment)
    names: dict[tuple[str, int], str] = {}
    for chain, copy in chains:
        own = [text for (name, _), text in segments.items() if name == chain]
        segmented = all(own) and len(set(own)) == len(own) == sum(name == chain for name, _ in chains)
        if chain not in repeated:
            names[chain, copy] = chain
        elif not chain and segmented and segments[chain, copy] not in used:
            names[chain, copy] = segments[chain, copy]
        elif not chain:
            names[chain, copy] = next(free, f"{copy}")
        else:
            names[chain, copy] = chain if not copy else _numbered(chain, used)
        used.add(names[chain, copy])
    return names


def _numbered(chain: str, used: set[str]) -> str:
    return next(name for number in range(2, 10_000) if (name := f"{chain}{number}") not in used)
