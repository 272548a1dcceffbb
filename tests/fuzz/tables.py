"""Tables and lists: the CSV of complexes, a Vina box, ids, ligands.csv and a manifest, with odd cells and names."""

from __future__ import annotations

from random import Random

from tests.fuzz.edits import ODD_NUMBERS, ODD_TEXT, Edit

NAMES = (
    *(
        "../x",
        "../../../../tmp/disco-dock-stray",
        "/etc/disco-dock-stray",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        " ",
        "x\ny",
        "x\r\ny",
        "a\tb",
        "CON",
        "nul.txt",
    ),
    *(
        "LPT1.x",
        "x.",
        "x ",
        ".hidden",
        "a" * 300,
        "A",
        "a",
        "é",
        "e\u0301",
        "\u202ex",
        "-rf",
        "--out",
        "~",
        "$HOME",
        "`id`",
        "a;b",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "+1",
        "@x",
        "results.csv",
        "run.json",
        "a:b",
        "*",
        "?",
        "\x1b[2J",
        "x\x00y",
        "\ufeff",
        "complex_2",
    ),
)
PATHS = (
    *(
        "p.pdb",
        "./p.pdb",
        "sub/../p.pdb",
        "nothing.pdb",
        "folder",
        "empty.pdb",
        "broken.pdb",
        "fifo.pdb",
        "loop.pdb",
        "/dev/zero",
    ),
    *(
        "/dev/null",
        "/dev/stdin",
        "/dev/tty",
        "/proc/self/mem",
        "/proc/self/environ",
        "/etc/passwd",
        "l.sdf",
        "c.csv",
        "",
        ".",
        "~",
        "http://x/p.pdb",
        "file:///etc/passwd",
    ),
    *("p.pdb\x00", "p.pdb\n", "x" * 300, "x/" * 3000, "locked.pdb", "\\\\server\\share", "nul", "C:\\p.pdb"),
)
LIGANDS = (
    *(
        "CCO",
        "CC(=O)O",
        "l.sdf",
        "l.sdf",
        "many.smi",
        "nothing.sdf",
        "fifo.sdf",
        "/dev/zero",
        "folder",
        "empty.sdf",
        "loop.sdf",
        "C" * 20000,
    ),
    *(
        "C1CC",
        "=CC",
        "+",
        "@",
        "C\nC",
        "C C",
        "",
        "CCO ../../x",
        "titles.sdf",
        "c.csv",
        "p.pdb",
        "/dev/stdin",
        "/dev/urandom",
        "locked.sdf",
    ),
)
HEADER = "complex_name,protein_path,ligand_description,protein_sequence"
BOX = b"center_x = 1.0\ncenter_y = 2.0\ncenter_z = 3.0\nsize_x = 20\nsize_y = 20\nsize_z = 20\nexhaustiveness = 8\n"
AUTOBOX = b"receptor = p.pdb\nautobox_ligand = l.sdf\nautobox_add = 4\n"
IDS = b"1abc\n2def\n\n3ghi\n"
LIGANDS_CSV = b"id,group,smiles\ncomplex,LIG,CCCCCCCC\nother,A:LIG401,\n"
MANIFEST = b"id,split,cluster,scaffold,inchikey\na,train,1,c1ccccc1,XXXX\nb,test,2,,YYYY\n"


def quoted(cell: str, rng: Random) -> str:
    """A cell as CSV, sometimes wrongly quoted."""
    if rng.random() < 0.9:
        return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\n\r') else cell
    return rng.choice(('"' + cell, cell + '"', "'" + cell + "'", cell))


def complexes_csv(rng: Random, rows: int) -> bytes:
    """A table of complexes with tricky names, paths and ligands, among them usable ones."""
    columns = HEADER.split(",")
    if rng.random() < 0.2:
        rng.shuffle(columns)
    if rng.random() < 0.2:
        columns.insert(rng.randrange(len(columns)), rng.choice(("extra", "", "complex_name", " protein_path ")))
    if rng.random() < 0.1:
        columns.pop(rng.randrange(len(columns)))
    lines = [",".join(columns)]
    for _ in range(rows):
        good = rng.random() < 0.4
        cells = {
            "complex_name": rng.choice(NAMES),
            "protein_path": "p.pdb" if good else rng.choice(PATHS),
            "ligand_description": rng.choice(("CCO", "l.sdf", "titles.sdf")) if good else rng.choice(LIGANDS),
            "protein_sequence": rng.choice(("", "", "GAVL")),
        }
        row = [quoted(cells.get(name.strip(), "x"), rng) for name in columns]
        if rng.random() < 0.1:
            row = row[: rng.randint(0, len(row))] if rng.random() < 0.5 else row + ["more"] * 5
        lines.append(",".join(row))
    return ("\n".join(lines) + "\n").encode()


def table_cell(data: bytes, rng: Random) -> bytes:
    """A cell replaced by an odd value."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    cells = lines[number].split(b",")
    value = rng.choice((*ODD_TEXT, *ODD_NUMBERS, *(name.encode() for name in NAMES), b'"', b"x" * 200_000))
    cells[rng.randrange(len(cells))] = value
    lines[number] = b",".join(cells)
    return b"\n".join(lines)


def library_table(rng: Random, rows: int, comma: str) -> bytes:
    """A library as a table: SMILES and tricky names, among other columns, with quotes and line ends of all kinds."""
    columns = rng.choice(
        (["smiles", "name"], ["id", "weight", "SMILES"], ["canonical_smiles"], ["Name", "note", "smi"])
    )
    lines = [comma.join(columns)]
    for _ in range(rows):
        cells = [
            rng.choice(("CCO", "CC(=O)N", "c1ccccc1", *LIGANDS))
            if "smi" in name.lower()
            else rng.choice((*NAMES, "two\nlines", "1.5"))
            for name in columns
        ]
        if rng.random() < 0.1:
            cells = cells[:1] if rng.random() < 0.5 else cells + ["more"] * 5
        lines.append(comma.join(quoted(cell, rng) for cell in cells))
        if rng.random() < 0.05:
            lines.append("")
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    return (end.join(lines) + end).encode("utf-8", errors="surrogatepass")


TABLE_EDITS: tuple[Edit, ...] = (table_cell,)
