"""The readers over folders of files of any origin, compared with gemmi's and RDKit's own reading.

    python benchmarks/read_corpus.py FOLDER ...

Structures: the residues and heavy atoms of all chains that are kept or dropped by rule, against what gemmi finds in the
first model. Molecules: canonical SMILES against RDKit's own reading. Prints a table, and the files that differ.
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


def files(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Kind and path of each file that looks like a structure or molecules."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            suffix = Path(path.name.lower().removesuffix(".gz")).suffix
            if suffix in STRUCTURES + MOLECULES and path.is_file() and path.stat().st_size < MAX_BYTES:
                yield suffix, path


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
    other.setup_entities()
    heavy = sum(map(_heavy_atoms, other[0])) if len(other) else 0
    own = sum(element not in ("H", "D") for group in found.groups for element in group.elements)
    return "equal" if own == heavy else f"differs: {own} heavy atoms, gemmi {heavy}"


def _heavy_atoms(chain: gemmi.Chain) -> int:
    """Heavy atoms of one conformer; atoms of equal names without alternate locations are different ones."""
    count = 0
    for residue in chain.first_conformer():
        heavy = [(atom.name, atom.altloc) for atom in residue if not atom.is_hydrogen()]
        count += sum(altloc == "\0" for _, altloc in heavy) + len({name for name, altloc in heavy if altloc != "\0"})
    return count


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
    for number, one in found:
        other = theirs[number] if number < len(theirs) else None
        if not isinstance(one, Ligand):
            yield f"refused: {one.message}"
        elif other is None:
            yield "read"
        else:
            own = Chem.MolToSmiles(one.mol, isomericSmiles=False)
            yield "equal" if own == other else f"differs: {own} and {other}"


def main() -> int:
    """Print the table and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--show", action="store_true", help="print every file that is refused or differs")
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    table: dict[str, Counter[str]] = {}
    for suffix, path in files(args.folders):
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
