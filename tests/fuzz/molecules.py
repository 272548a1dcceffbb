"""SDF, MOL2 and SMILES: valid files, edits that know their blocks, and SMILES made from a grammar."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from rdkit import Chem
from rdkit.Chem import rdDistGeom

from tests.fuzz.edits import ODD_NUMBERS, ODD_TEXT, Edit

TEMPLATE = "C[C@H](N)C(=O)Oc1ccccc1"
MOL2 = b"""@<TRIPOS>MOLECULE
glycinate
 9 8 0 0 0
SMALL
NO_CHARGES

@<TRIPOS>ATOM
      1 C1          0.0000    0.0000    0.0000 C.3     1  LIG1        0.0000
      2 C2          1.5000    0.0000    0.0000 C.2     1  LIG1        0.0000
      3 O1          2.1000    1.1000    0.2000 O.co2   1  LIG1        0.0000
      4 O2          2.1000   -1.1000   -0.2000 O.co2   1  LIG1        0.0000
      5 N1         -0.5000    1.4000    0.0000 N.4     1  LIG1        0.0000
      6 H1         -0.4000   -0.5000    0.9000 H       1  LIG1        0.0000
      7 H2         -0.4000   -0.5000   -0.9000 H       1  LIG1        0.0000
      8 H3         -0.1500    1.9000    0.8000 H       1  LIG1        0.0000
      9 H4         -0.1500    1.9000   -0.8000 H       1  LIG1        0.0000
@<TRIPOS>BOND
     1     1     2    1
     2     2     3   ar
     3     2     4   ar
     4     1     5    1
     5     1     6    1
     6     1     7    1
     7     5     8    1
     8     5     9    1
"""
SMILES = (
    b"C[C@H](N)C(=O)O ala",
    b"c1ccccc1/C=C/C1CC1[N+](C)(C)C |$;;$| x",
    b"O=P([O-])(OC)Oc1cc[nH]c1",
    b"CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O ibuprofen",
    b"CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12",
    b"[13CH3][C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc43)[C@@H]1CC[C@@H]2O",
    b"C1CC2CCC1CC2.[Na+].[Cl-]",
)
M_LINES = (
    *(b"M  CHG  1   1   1", b"M  CHG  9   1", b"M  CHG  1 999   1", b"M  CHG  1   1 -99", b"M  ISO  1   1 999"),
    *(b"M  RAD  1   1   3", b"M  STY  1   1 SUP", b"M  SAL   1  2   1   2", b"M  SMT   1 Ph", b"M  SBL   1  1   1"),
    *(b"M  STY  1   1 GEN", b"M  SDT   1 name", b"M  ALS   1  2 F C   N", b"M  RGP  1   1   1", b"A    1", b"V    1 x"),
    *(
        b"M  END",
        b"M  V30 BEGIN CTAB",
        b"M  V30 COUNTS 1000000 0 0 0 0",
        b"M  V30 END CTAB",
        b"S  SKP  5",
        b"M  ZBO  1   1   0",
    ),
)
TAGS = (
    *(
        b"> <>\n\n",
        b">  <a>b<c>\nx\n\n",
        b"> <tag>\nvalue\n\n",
        b">\n\n",
        b"> <../../x>\n=1+1\n\n",
        b"> <n>\n" + b"y" * 5000 + b"\n",
    ),
    *(b"$$$$\n", b"$$$$ \n", b"\n$$$$\n\n", b"> <t>\n$$$$\n", b"> <\xff>\n\x00\n\n"),
)
MOL2_TYPES = (
    b"C.3",
    b"Du",
    b"X.9",
    b"LP",
    b"N.ar",
    b"C.cat",
    b"Hal",
    b"H.spc",
    b"Fe",
    b"",
    b"C.3.4",
    b"*",
    b"O.co2",
    b"S.o2",
)
BONDS = (b"0", b"1", b"2", b"3", b"4", b"5", b"8", b"9", b"99", b"-1", b"ar", b"am", b"du", b"un", b"nc", b"x")


@lru_cache(maxsize=1)
def _mol() -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(TEMPLATE))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return mol


@lru_cache(maxsize=1)
def sdf_seeds() -> tuple[bytes, ...]:
    """V2000 and V3000, one record and several, with tags."""
    old, new = Chem.MolToMolBlock(_mol()).encode(), Chem.MolToV3KMolBlock(_mol()).encode()
    tags = b"> <tag>\nvalue\n\n$$$$\n"
    flat = Chem.MolToMolBlock(Chem.MolFromSmiles(SMILES[3].split()[0].decode())).encode()
    return old + tags, new + tags, old + tags + flat + b"$$$$\n" + new + tags


@lru_cache(maxsize=1)
def mol2_seeds() -> tuple[bytes, ...]:
    """One record and two."""
    return MOL2, MOL2 + MOL2.replace(b"glycinate", b"again")


@lru_cache(maxsize=1)
def ligand_pdb_seeds() -> tuple[bytes, ...]:
    """A ligand as PDB, to be read with `TEMPLATE`."""
    return Chem.MolToPDBBlock(_mol()).encode(), Chem.MolToPDBBlock(Chem.RemoveHs(_mol())).encode()


def sdf_field(data: bytes, rng: Random) -> bytes:
    """Three or ten characters of a line replaced: a count, an index, a bond type, a coordinate, a symbol."""
    lines = data.split(b"\n")
    number = 3 if rng.random() < 0.4 and len(lines) > 3 else rng.randrange(len(lines))
    width = rng.choice((3, 3, 3, 10))
    start = width * rng.randrange(4)
    value = rng.choice((*ODD_NUMBERS, *ODD_TEXT, *BONDS, b"R#", b"A", b"Q", b"L", b"D", b"*", b"Xx"))
    lines[number] = lines[number][:start] + value[:width].rjust(width) + lines[number][start + width :]
    return b"\n".join(lines)


def sdf_line(data: bytes, rng: Random) -> bytes:
    """A property line, a tag or a record's end put in."""
    lines = data.split(b"\n")
    lines.insert(rng.randint(0, len(lines)), rng.choice((*M_LINES, *TAGS)))
    return b"\n".join(lines)


def sdf_version(data: bytes, rng: Random) -> bytes:
    """V2000 called V3000 and the other way round, or counts that are wrong."""
    kind = rng.randrange(4)
    if kind == 0:
        return data.replace(b"V2000", b"V3000") if b"V2000" in data else data.replace(b"V3000", b"V2000")
    if kind == 1:
        return data.replace(b"COUNTS ", b"COUNTS " + rng.choice(ODD_NUMBERS) + b" ", 1)
    if kind == 2:
        return data.replace(b"M  V30 ", b"M  V30 -\nM  V30 ", rng.choice((1, 9)))
    return data.replace(b"M  END", b"", 1)


def mol2_field(data: bytes, rng: Random) -> bytes:
    """A word of an atom, bond or count replaced."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    words = lines[number].split()
    if words:
        words[rng.randrange(len(words))] = rng.choice((*MOL2_TYPES, *BONDS, *ODD_NUMBERS))
        lines[number] = b" ".join(words)
    return b"\n".join(lines)


def mol2_section(data: bytes, rng: Random) -> bytes:
    """A section's heading dropped, repeated, renamed or put elsewhere."""
    lines = data.split(b"\n")
    lines.insert(
        rng.randint(0, len(lines)),
        b"@<TRIPOS>" + rng.choice((b"ATOM", b"BOND", b"MOLECULE", b"SUBSTRUCTURE", b"UNITY_ATOM_ATTR", b"", b"X")),
    )
    return b"\n".join(lines)


ATOMS = (
    *(
        "C",
        "C",
        "C",
        "c",
        "c",
        "N",
        "n",
        "O",
        "S",
        "F",
        "Cl",
        "P",
        "B",
        "[nH]",
        "[C@H]",
        "[C@@]",
        "[C@]",
        "[N+]",
        "[O-]",
        "[SH6]",
    ),
    *(
        "[13C]",
        "[2H]",
        "[H]",
        "[Fe]",
        "*",
        "[*:1]",
        "[C:99999]",
        "[999C]",
        "[99999999999C]",
        "[C+9]",
        "[C+99999999999]",
    ),
    *(
        "[C----------]",
        "[CH99]",
        "[U]",
        "[Xx]",
        "[#6]",
        "[#999]",
        "[C@TH1]",
        "[Pt@SP3]",
        "[S@OH26]",
        "[C@AL1]",
        "[P@TB99]",
        "[te]",
        "[si]",
    ),
)
PLAIN_ATOMS = ("C", "C", "C", "C", "N", "O", "S", "[C@H]", "[NH+]", "c1ccccc1", "C(=O)N", "[13C]", "c1cc[nH]c1")
PLAIN_LINKS = ("", "", "", "", "", "=", "/")
LINKS = ("", "", "", "", "-", "=", "#", ":", "$", "/", "\\", ".", "~", "->", "<-")


def grammar(rng: Random, size: int) -> str:
    """A string of SMILES symbols that is often nearly one: brackets close, rings mostly do."""
    out: list[str] = []
    depth, rings, wild = 0, [], rng.choice((0.0, 0.05, 1.0))
    for _ in range(size):
        out.append(
            rng.choice(LINKS if rng.random() < wild else PLAIN_LINKS)
            + rng.choice(ATOMS if rng.random() < wild else PLAIN_ATOMS)
        )
        roll = rng.random()
        if roll < 0.15:
            out.append("(")
            depth += 1
        elif roll < 0.3 and depth:
            out.append(")")
            depth -= 1
        elif roll < 0.45:
            ring = rng.choice((str(rng.randint(0, 9)), f"%{rng.randint(10, 99)}", f"%({rng.randint(0, 99999)})"))
            out.append(rng.choice(("", "", "=", "/")) + ring)
            rings.append(ring)
        elif roll < 0.6 and rings:
            out.append(rings.pop())
    if rng.random() < 0.9:
        out += ["C", *rings, ")" * depth]
    return "".join(out)


def regular_graph(rng: Random, atom: str, count: int, degree: int) -> str:
    """SMILES of a random graph in which every atom has about `degree` neighbours: as many rings as can be written."""
    closings: list[list[str]] = [[] for _ in range(count)]
    pairs = (
        {tuple(sorted(rng.sample(range(count), 2))) for _ in range(count * (degree - 2) // 2)} if count > 2 else set()
    )
    for ring, (first, second) in enumerate(sorted(pairs)):
        if second - first > 1 and max(len(closings[first]), len(closings[second])) < degree - 2:
            closings[first].append(f"%({ring})")
            closings[second].append(f"%({ring})")
    return "".join(atom + "".join(closing) for closing in closings)


def extreme_smiles(rng: Random) -> str:
    """Long, deep, dense or repetitive strings."""
    size = int(10 ** rng.uniform(1, 5))
    few = min(size, 200)
    return rng.choice(
        (
            lambda: "C" * size,
            lambda: "C(" * size + "C" + ")" * size,
            lambda: "(" * size,
            lambda: "[" * size,
            lambda: "C1" * size,
            lambda: "C%(" + "9" * size,
            lambda: "[" + "9" * size + "C]",
            lambda: "[C" + "+" * size + "]",
            lambda: "C[C@H](O)" * (few // 2) + "C",
            lambda: "C/C=C/" * (few // 3) + "C",
            lambda: "c1ccc2" * (few // 6) + "c",
            lambda: "C" + "(C(C)(C)C)" * (few // 4),
            lambda: regular_graph(rng, "C", few, 4),
            lambda: regular_graph(rng, "c", few, 3),
            lambda: regular_graph(rng, "S", few, 6),
            lambda: regular_graph(rng, "[P@]", few, 5),
            lambda: ".".join(["C"] * size),
            lambda: "CC |" + "$" * size + "|",
            lambda: "CC " + "n" * size,
            lambda: "N#N" * size,
        )
    )()


@lru_cache(maxsize=1)
def smiles_seeds() -> tuple[bytes, ...]:
    """A list of several, and each alone."""
    return (b"\n".join(SMILES) + b"\n", *SMILES)


def smiles_symbols(data: bytes, rng: Random) -> bytes:
    """Symbols put in or taken out."""
    position = rng.randint(0, len(data))
    piece = rng.choice(
        (*ATOMS, *LINKS, "(", ")", "[", "]", "%", "1", "0", "%00", "@", "@@", "H", "+", ":1", "|", " |c:0|", "\\\\")
    )
    return data[:position] + piece.encode() + data[position + rng.choice((0, 0, 1, 3)) :]


SDF_EDITS: tuple[Edit, ...] = (sdf_field, sdf_field, sdf_line, sdf_version)
MOL2_EDITS: tuple[Edit, ...] = (mol2_field, mol2_field, mol2_section)
SMILES_EDITS: tuple[Edit, ...] = (smiles_symbols,)
