"""A mixed library of drug-like molecules from the lists that RDKit's package carries.

    python benchmarks/drug_library.py library.smi --count 1000

The lists are the first 5,000 of the NCI set, 1,017 molecules of ChEMBL2321810 and 100 actives of ChEMBL target 11265.
Kept is what has a weight of 200 to 550, 14 to 40 heavy atoms, at most 10 rotatable bonds, H, C, N, O, S, P and halogens
only, one fragment, and a QED of 0.3 or more; the choice among them is random with a fixed seed.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from rdkit import Chem, RDConfig, RDLogger
from rdkit.Chem import QED, Descriptors
from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds

CONTRIB = Path(RDConfig.RDContribDir)
LISTS = (
    Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi",
    CONTRIB / "FreeWilson" / "data" / "CHEMBL2321810.smi",
    CONTRIB / "fraggle" / "data" / "ChEMBL_11265_actives.smi",
)
ELEMENTS = frozenset({"H", "C", "N", "O", "S", "P", "F", "Cl", "Br", "I"})


def drug_like(mol: Chem.Mol) -> bool:
    """Whether a molecule is kept."""
    return (
        14 <= mol.GetNumHeavyAtoms() <= 40
        and 200 <= Descriptors.MolWt(mol) <= 550  # pyright: ignore[reportAttributeAccessIssue]
        and CalcNumRotatableBonds(mol) <= 10
        and {atom.GetSymbol() for atom in mol.GetAtoms()} <= ELEMENTS
        and len(Chem.GetMolFrags(mol)) == 1
        and QED.qed(mol) >= 0.3
    )


def library() -> list[str]:
    """Canonical SMILES and a name each, every molecule once, in the order of the lists."""
    found: dict[str, str] = {}
    for path in LISTS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mol = Chem.MolFromSmiles(line.split()[0]) if line.strip() else None
            if mol is not None and drug_like(mol):
                found.setdefault(Chem.MolToSmiles(mol), f"{path.stem}-{number}")
    return [f"{smiles} {name}" for smiles, name in found.items()]


def main() -> int:
    """Write the library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")  # pyright: ignore[reportAttributeAccessIssue]
    lines = library()
    chosen = random.Random(args.seed).sample(lines, min(args.count, len(lines)))
    args.out.write_text("\n".join(chosen) + "\n")
    print(f"{len(chosen)} of {len(lines)} molecules in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
