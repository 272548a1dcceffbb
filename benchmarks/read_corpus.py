"""The readers over folders of files of any origin, compared with gemmi's, RDKit's and Open Babel's own reading.

    python benchmarks/read_corpus.py FOLDER ...

Structures: names, numbers and heavy atoms of all residues and groups, against what gemmi finds in the first model.
Molecules: canonical SMILES of SDF against RDKit's own reading, of MOL2 against Open Babel's (pip install
openbabel-wheel), equal too where InChI takes both for forms of one molecule. Prints a table, and the files that differ.
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gemmi
from rdkit import Chem, RDLogger

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligands
from disco_dock.chem.structures.structure_files import read_structure
from disco_dock.runtime.errors import DiscoError

STRUCTURES = (".pdb", ".ent", ".cif", ".mmcif", ".pdbqt", ".pqr")
MOLECULES = (".sdf", ".mol", ".mol2", ".smi")
MAX_BYTES = 20_000_000
MAX_MOLECULES = 300


def files(folders: list[Path], largest: int) -> Iterator[tuple[str, Path]]:
    """Kind and path of each file that looks like a structure or molecules and is not too large."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            suffix = Path(path.name.lower().removesuffix(".gz")).suffix
            if suffix not in STRUCTURES + MOLECULES or not path.is_file() or path.stat().st_size > largest:
                continue
            if suffix in MOLECULES or _has_atoms(path):
                yield suffix, path


def _has_atoms(path: Path) -> bool:
    """Whether a file has records of atoms; others are dictionaries, reflections or entities of XML."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return any(word in data for word in (b"\nATOM", b"\nHETATM", b"_atom_site.Cartn_x")) or data[:4] == b"ATOM"


def structure(path: Path) -> str:
    """How our reading of a structure compares with gemmi's."""
    try:
        found = read_structure(path)
    except DiscoError as error:
        return f"refused: {error}"
    total = sum(found.tally.dropped.values()) + found.tally.kept
    if total != found.tally.total or found.tally.kept != sum(len(group.atom_names) for group in found.groups):
        return "differs: records are not accounted for"
    if path.name.lower().removesuffix(".gz").endswith((".pqr", ".pdbqt")):
        return "accounted for"
    if any("models" in note for note in found.notes):
        return "accounted for, several models"
    try:
        other = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError, OSError):
        return "accounted for, not read by gemmi"
    theirs = Counter(one for chain in other[0] for one in _residues(chain)) if len(other) else Counter()
    own = Counter(
        (group.name[:3], group.number, group.insertion, sum(element not in ("H", "D") for element in group.elements))
        for group in found.groups
    )
    own = Counter({key: count for key, count in own.items() if key[3]})
    if own == theirs:
        return "equal"
    lost, more = list((theirs - own).elements()), list((own - theirs).elements())
    return f"differs: {len(lost)} only of gemmi {lost[:3]}, {len(more)} only here {more[:3]}"


def _is_hydrogen(atom: gemmi.Atom, residue: str) -> bool:
    """Whether an atom is hydrogen; in an amino acid by its name, for gemmi takes HE without its element for helium."""
    known = gemmi.find_tabulated_residue(residue)
    by_name = known.is_amino_acid() or atom.element == gemmi.Element("X")
    return atom.is_hydrogen() or (by_name and atom.name.lstrip("0123456789")[:1] == "H")


def _residues(chain: gemmi.Chain) -> Iterator[tuple[str, int, str, int]]:
    """Name, number, insertion code and heavy atoms of the residues of one conformer.

    Atoms of equal names without alternate locations are different ones. Of names of four letters, as CHARMM has, three
    are compared: gemmi reads no more from PDB.
    """
    for residue in chain.first_conformer():
        heavy = [(atom.name, atom.altloc) for atom in residue if not _is_hydrogen(atom, residue.name)]
        count = sum(altloc == "\0" for _, altloc in heavy) + len({name for name, altloc in heavy if altloc != "\0"})
        if count:
            yield residue.name.upper()[:3], residue.seqid.num or 0, residue.seqid.icode.strip(), count


def molecules(path: Path, suffix: str) -> Iterator[str]:
    """How our reading of each molecule compares with RDKit's."""
    try:
        found = list(zip(range(MAX_MOLECULES), read_ligands(path), strict=False))
    except DiscoError as error:
        yield f"refused: {error}"
        return
    opened = gzip.open if path.name.endswith(".gz") else open
    theirs: list[str | None] = []
    if suffix in (".sdf", ".mol"):
        with opened(path, "rb") as stream:
            supplier = Chem.ForwardSDMolSupplier(stream)
            mols = [mol for _, mol in zip(found, supplier, strict=False)]
        theirs = [
            None if mol is None else Chem.MolToSmiles(Chem.RemoveAllHs(mol), isomericSmiles=False) for mol in mols
        ]
    if suffix == ".mol2":
        theirs = list(_open_babel(path))
    for number, one in found:
        other = theirs[number] if number < len(theirs) else None
        if not isinstance(one, Ligand):
            yield f"refused: {one.message}"
        elif any("hydrogens are restored" in note for note in one.notes):
            yield "hydrogens restored"
        elif other is None:
            yield "read"
        else:
            own = Chem.MolToSmiles(one.mol, isomericSmiles=False)
            yield "equal" if own == other or _is_same(one.mol, other) else f"differs: {own} and {other}"


def _open_babel(path: Path) -> Iterator[str | None]:
    """SMILES without stereo of the molecules of a MOL2 file as Open Babel reads them; none where it is absent."""
    try:
        from openbabel import pybel
    except ImportError:
        return
    pybel.ob.obErrorLog.SetOutputLevel(-1)
    for one in pybel.readfile("mol2", str(path)):
        mol = Chem.MolFromMolBlock(one.write("mol"))
        yield None if mol is None else Chem.MolToSmiles(Chem.RemoveAllHs(mol), isomericSmiles=False)


def _is_same(mol: Chem.Mol, smiles: str) -> bool:
    """Whether InChI takes two molecules for mesomeric or tautomeric forms of one, stereo apart."""
    flat = Chem.MolFromSmiles(Chem.MolToSmiles(mol, isomericSmiles=False))
    keys = [Chem.MolToInchiKey(one) for one in (flat, Chem.MolFromSmiles(smiles))]
    return bool(keys[0]) and keys[0] == keys[1]


def main() -> int:
    """Print the table and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--largest", type=int, default=MAX_BYTES, help="bytes of a file that is read (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print every file that is refused or differs")
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    table: dict[str, Counter[str]] = {}
    for suffix, path in files(args.folders, args.largest):
        answers = [structure(path)] if suffix in STRUCTURES else list(molecules(path, suffix))
        for answer in answers:
            table.setdefault(suffix, Counter())[answer.partition(":")[0]] += 1
            if args.show and ":" in answer:
                print(f"{path}: {answer[:200]}")
    kinds = sorted({kind for counts in table.values() for kind in counts})
    print("| suffix | " + " | ".join(kinds) + " |")
    print("|---" * (len(kinds) + 1) + "|")
    for suffix, counts in sorted(table.items()):
        print(f"| `{suffix}` | " + " | ".join(str(counts[kind]) for kind in kinds) + " |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
