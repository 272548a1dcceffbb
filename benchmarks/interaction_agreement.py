"""How far the list of interactions agrees with PLIP and ProLIF on crystal poses, by kind and residue.

    pip install prolif openbabel-wheel && pip install --no-deps plip lxml
    python benchmarks/interaction_agreement.py COMPLEXES --ids val.txt --limit 20 [--metals 6] [--groups] [--list]

COMPLEXES holds folders <id>/protein.pdb + ligand.sdf and, where there is one, hetero.pdb. All three programs read the
crystal pose; PLIP and ProLIF place hydrogens by Open Babel and RDKit, ours needs none. A pair (kind, residue) is found
or not. With --groups the complexes are those with another kept group at the ligand, and all three programs get the
groups that `predict` keeps; pairs with groups are counted apart ("hydrogen bond, group"). PLIP takes a metal for a
ligand of its own, so metals are compared with ProLIF only. Prints one line of JSON and appends it to
benchmarks/results/interaction_agreement.jsonl. PLIP is under the GPL: it is only run here, never shipped.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from pathlib import Path

from rdkit import Chem, RDLogger

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.ligand_groups import AMINE
from disco_dock.interactions.pocket import PocketContacts

RESULTS = Path(__file__).parent / "results" / "interaction_agreement.jsonl"
NEAR = 4.0  # Angstrom
POLAR = ("hydrogen bond", "salt bridge")
AROMATIC = ("HIS", "PHE", "TRP", "TYR")
PROLIF = {
    "HBAcceptor": "hydrogen bond",
    "HBDonor": "hydrogen bond",
    "Cationic": "salt bridge",
    "Anionic": "salt bridge",
    "PiStacking": "pi stacking",
    "CationPi": "cation-pi",
    "PiCation": "cation-pi",
    "XBDonor": "halogen bond",
    "Hydrophobic": "hydrophobic contact",
    "MetalAcceptor": "metal",
}
Found = set[tuple[str, str]]


def ours(receptor: Path, ligand: Chem.Mol) -> Found:
    """Kind and residue ("A:57") by disco-dock."""
    pocket = PocketContacts(read_receptor(receptor))
    return {(one.kind, place(one.residue)) for one in find_interactions(ligand, pocket)}


def place(label: str) -> str:
    """Chain and number of "A:ASP189", "A:ZN300" and their like."""
    found = re.fullmatch(r"(.*):(.*?)(-?\d+)[A-Z]?", label)
    return f"{found[1]}:{found[3]}" if found else label


def by_plip(receptor: Path, ligand: Chem.Mol) -> Found:
    """Kind and residue by PLIP; the ligand is written as residue LIG of a chain of its own."""
    from plip.structure.preparation import PDBComplex

    lines = [line for line in receptor.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    block = Chem.MolToPDBBlock(_named(ligand), flavor=4 | 8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "complex.pdb"
        path.write_text("\n".join([*lines, *(x for x in block.splitlines() if x.startswith(("HETATM", "CONECT")))]))
        complex_ = PDBComplex()
        complex_.load_pdb(str(path))
        own = [one for one in complex_.ligands if one.hetid == "LIG"]
        found: Found = set()
        for one in own:
            complex_.characterize_complex(one)
        for key, result in complex_.interaction_sets.items():
            if not key.startswith("LIG"):
                continue
            for kind, items in {
                "hydrogen bond": [*result.hbonds_ldon, *result.hbonds_pdon],
                "salt bridge": [*result.saltbridge_lneg, *result.saltbridge_pneg],
                "pi stacking": result.pistacking,
                "cation-pi": [*result.pication_laro, *result.pication_paro],
                "halogen bond": result.halogen_bonds,
                "hydrophobic contact": result.hydrophobic_contacts,
            }.items():
                found |= {(kind, f"{item.reschain}:{item.resnr}") for item in items}
    return found


def _named(ligand: Chem.Mol) -> Chem.Mol:
    mol = Chem.Mol(ligand)
    for atom in mol.GetAtoms():
        info = Chem.AtomPDBResidueInfo(f" {atom.GetSymbol()}{atom.GetIdx()}"[:4].ljust(4), residueName="LIG")
        info.SetResidueNumber(1)
        info.SetChainId("Z")
        info.SetIsHeteroAtom(True)
        atom.SetMonomerInfo(info)
    return mol


def by_prolif(receptor: Path, ligand: Chem.Mol) -> Found:
    """Kind and residue by ProLIF with its default thresholds; bond orders of groups are not known to it."""
    import prolif

    lines = [line for line in receptor.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    protein = Chem.MolFromPDBBlock("\n".join([*lines, "END"]), sanitize=False, removeHs=False)
    Chem.SanitizeMol(protein, catchErrors=True)
    protein = Chem.AddHs(_charged(protein), addCoords=True, addResidueInfo=True)
    mol = Chem.AddHs(ligand, addCoords=True)
    fp = prolif.Fingerprint(list(PROLIF), count=False)
    fp.run_from_iterable([prolif.Molecule.from_rdkit(mol)], prolif.Molecule.from_rdkit(protein), progress=False)
    found: Found = set()
    for (_, residue), kinds in fp.ifp[0].items():
        for kind in kinds:
            found.add((PROLIF[kind], f"{residue.chain or '_'}:{residue.number}"))
    return found


def _charged(protein: Chem.Mol) -> Chem.Mol:
    """Acids and bases of side chains charged, as ProLIF expects."""
    for atom in protein.GetAtoms():
        info = atom.GetPDBResidueInfo()
        name = (info.GetResidueName(), info.GetName().strip())
        if name in {("ASP", "OD2"), ("GLU", "OE2")} or (name[1] == "OXT"):
            atom.SetFormalCharge(-1)
        elif name == ("LYS", "NZ"):
            atom.SetFormalCharge(1)
        elif name == ("ARG", "NH2"):
            atom.SetFormalCharge(1)
            for bond in atom.GetBonds():
                bond.SetBondType(Chem.BondType.DOUBLE)
            for other in atom.GetNeighbors():
                for bond in other.GetBonds():
                    if bond.GetOtherAtom(other).GetIdx() != atom.GetIdx():
                        bond.SetBondType(Chem.BondType.SINGLE)
    Chem.SanitizeMol(protein, catchErrors=True)
    return protein


def charged_ligand(mol: Chem.Mol) -> Chem.Mol:
    """Acids and amines charged as in water, so that all three programs see the same molecule."""
    mol = Chem.Mol(mol)
    for smarts, charge in (("[OX2H;$(O-[C,S,P]=[OX1])]", -1), (AMINE, 1)):
        for (index,) in mol.GetSubstructMatches(Chem.MolFromSmarts(smarts)):
            mol.GetAtomWithIdx(index).SetFormalCharge(charge)
    Chem.SanitizeMol(mol)
    return mol


def measure(folder: Path, listed: bool, groups: bool) -> dict[str, dict[str, Counter]]:
    """Counts of both, ours only and theirs only, by program and kind."""
    ligand = Chem.MolFromMolFile(str(folder / "ligand.sdf"))
    if ligand is None:
        raise ValueError("ligand cannot be read")
    ligand = charged_ligand(Chem.RemoveHs(ligand))
    text = (folder / "protein.pdb").read_text().rstrip().removesuffix("END")
    hetero = folder / "hetero.pdb"
    lines = hetero.read_text().splitlines() if hetero.is_file() else []
    wanted = kept_groups(folder) if groups else set()
    metals = [line for line in lines if _is_metal(line) or _place_of(line) in wanted]
    with tempfile.TemporaryDirectory() as scratch:
        receptor = Path(scratch) / "receptor.pdb"
        receptor.write_text("\n".join([text, *metals, "END", ""]))
        own = ours(receptor, ligand)
        counts: dict[str, dict[str, Counter]] = {}
        for program, other in (("plip", by_plip(receptor, ligand)), ("prolif", by_prolif(receptor, ligand))):
            counts[program] = defaultdict(Counter)
            for kind, residue in own | other:
                if program == "plip" and kind == "metal":
                    continue
                name = f"{kind}, group" if residue in wanted and kind != "metal" else kind
                side = "both" if (kind, residue) in own & other else "ours" if (kind, residue) in own else "theirs"
                counts[program][name][side] += 1
                if listed and side != "both":
                    print(f"{folder.name} {program}: only {side}: {kind} {residue}", file=sys.stderr)
    return counts


def kept_groups(folder: Path) -> set[str]:
    """Places ("A:301") of the groups of hetero.pdb that `predict` keeps, but for metals and ions."""
    text = (folder / "protein.pdb").read_text().rstrip().removesuffix("END")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "all.pdb"
        path.write_text("\n".join([text, (folder / "hetero.pdb").read_text(), "END", ""]))
        receptor = read_receptor(path)
    return {f"{one.chain}:{one.number}" for one in receptor.context if one.kept and one.kind not in ("metal", "ion")}


def _place_of(line: str) -> str:
    return f"{line[21].strip() or '_'}:{line[22:26].strip()}" if line.startswith("HETATM") else ""


def _is_metal(line: str) -> bool:
    return line.startswith("HETATM") and line[76:78].strip().upper() in {"ZN", "MG", "CA", "MN", "FE", "CO", "NI", "CU"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("complexes", type=Path)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--metals", type=int, default=6, help="of them, how many have a metal")
    parser.add_argument("--groups", action="store_true", help="complexes with a kept group at the ligand, with groups")
    parser.add_argument("--list", action="store_true", help="name each difference")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    ids = [name for name in args.ids.read_text().split() if (args.complexes / name).is_dir()]
    with_metal = [name for name in ids if _has_metal(args.complexes / name)][: args.metals]
    if args.groups:
        ids, with_metal = [name for name in ids if _has_group(args.complexes / name)], []
        print(f"{len(ids)} complexes have a kept group at the ligand", file=sys.stderr)
    others = [name for name in ids if name not in with_metal]
    chosen = [*with_metal, *others[:: max(1, len(others) // args.limit)]]  # spread over the list
    total: dict[str, dict[str, Counter]] = {"plip": defaultdict(Counter), "prolif": defaultdict(Counter)}
    done: list[str] = []
    for name in chosen:
        if len(done) == args.limit:
            break
        try:
            counts = measure(args.complexes / name, args.list, args.groups)
        except Exception as error:  # a program that fails on a file
            print(f"{name}: left out ({type(error).__name__}: {error})", file=sys.stderr)
            continue
        done.append(name)
        for program, kinds in counts.items():
            for kind, counter in kinds.items():
                total[program][kind] += counter
    line = json.dumps(
        {"complexes": done, "groups": args.groups, **{p: {k: dict(v) for k, v in t.items()} for p, t in total.items()}}
    )
    print(line)
    with RESULTS.open("a") as file:
        file.write(line + "\n")
    for program, kinds in total.items():
        for kind, counter in sorted(kinds.items()):
            print(
                f"{program:7} {kind:20} both {counter['both']:4} ours {counter['ours']:4} theirs {counter['theirs']:4}"
            )


def _has_group(folder: Path) -> bool:
    """Whether a group that is kept, and is no metal or ion, has an atom within 4 Angstrom of the ligand."""
    ligand = Chem.MolFromMolFile(str(folder / "ligand.sdf"))
    if ligand is None or not (folder / "hetero.pdb").is_file():
        return False
    pos, wanted = ligand.GetConformer().GetPositions(), kept_groups(folder)
    for line in (folder / "hetero.pdb").read_text().splitlines():
        if _place_of(line) in wanted:
            place = [float(line[start : start + 8]) for start in (30, 38, 46)]
            if (((pos - place) ** 2).sum(1) < NEAR**2).any():
                return True
    return False


def _has_metal(folder: Path) -> bool:
    hetero = folder / "hetero.pdb"
    if not hetero.is_file():
        return False
    ligand = Chem.MolFromMolFile(str(folder / "ligand.sdf"))
    if ligand is None:
        return False
    pos = ligand.GetConformer().GetPositions()
    for line in hetero.read_text().splitlines():
        if _is_metal(line):
            place = [float(line[start : start + 8]) for start in (30, 38, 46)]
            if ((pos - place) ** 2).sum(1).min() < 9:
                return True
    return False


if __name__ == "__main__":
    main()
