"""The kinds of cases: what is written for case `index` of a seed, and how it is read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from disco_dock.docking.runs.self_test import write_peptide
from tests.fuzz import molecules, parquets, readers, screening, stores, structures, tables, tensors
from tests.fuzz.edits import Edit, edited
from tests.support.complexes import LIGANDS, write_ligand
from tests.support.shards import made_up_shards

Write = Callable[[Random, Path], Path]


class Kind(NamedTuple):
    """A kind of case.

    Attributes:
        write: writes the files of a case into an empty folder and returns what to read.
        read: reads it; True when it was accepted.
        weight: share of the cases of a run.
    """

    write: Write
    read: Callable[[Path], bool]
    weight: int


def _one(seeds: Callable[[], Sequence[bytes]], edits: Sequence[Edit], *names: str) -> Write:
    """A file edited from one of the seeds, under one of the names."""

    def write(rng: Random, folder: Path) -> Path:
        path = folder / rng.choice(names)
        path.write_bytes(edited(rng.choice(seeds()), rng, edits))
        return path

    return write


def _smiles(rng: Random, folder: Path) -> Path:
    """A SMILES in place of a file: edited, from the grammar, or extreme."""
    roll = rng.random()
    if roll < 0.4:
        data = edited(rng.choice(molecules.SMILES), rng, molecules.SMILES_EDITS)
    elif roll < 0.8:
        data = molecules.grammar(rng, rng.randint(1, 40)).encode()
    else:
        data = molecules.extreme_smiles(rng).encode()
    path = folder / "smiles.txt"
    path.write_bytes(data)
    return path


def _smiles_list(rng: Random, folder: Path) -> Path:
    """A list of SMILES: edited, or some lines from the grammar."""
    path = folder / rng.choice(("l.smi", "l.smi", "noname"))
    lines = [molecules.grammar(rng, rng.randint(1, 30)) for _ in range(rng.randint(1, 4))]
    made = "\n".join(lines).encode()
    seed = rng.choice(molecules.smiles_seeds())
    path.write_bytes(made if rng.random() < 0.3 else edited(seed, rng, molecules.SMILES_EDITS))
    return path


def _ligand_table(rng: Random, folder: Path) -> Path:
    (folder / "complex.pdb").write_bytes(structures.pdb_seeds()[0])
    path = folder / "ligands.csv"
    path.write_bytes(edited(tables.LIGANDS_CSV, rng, tables.TABLE_EDITS))
    return path


def _autobox(rng: Random, folder: Path) -> Path:
    (folder / "l.sdf").write_bytes(molecules.sdf_seeds()[0])
    path = folder / "box.txt"
    path.write_bytes(edited(rng.choice((tables.BOX, tables.AUTOBOX)), rng, tables.TABLE_EDITS))
    return path


def _checkpoint(rng: Random, folder: Path) -> Path:
    """A checkpoint with one or two of its files edited, one left out, or one put in another's place."""
    files = dict(tensors.checkpoint_files())
    for name in rng.sample(list(files), rng.choice((1, 1, 2))):
        own = tensors.JSON_EDITS * 4 if name.endswith(".json") else tensors.TENSOR_EDITS
        files[name] = edited(files[name], rng, own, any_format=tensors.BINARY)
    if rng.random() < 0.05:
        del files[rng.choice(list(files))]
    if rng.random() < 0.05:
        first, second = rng.sample(list(files), 2)
        files[first] = tensors.checkpoint_files()[second]
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder / "config.json"


def _state(rng: Random, folder: Path) -> Path:
    path = folder / "state.pt"
    path.write_bytes(edited(tensors.training_state(), rng, tensors.BINARY))
    return path


def _embeddings(rng: Random, folder: Path) -> Path:
    name, data = rng.choice(list(tensors.embedding_files().items()))
    own = tensors.TENSOR_EDITS if name.endswith(".safetensors") else tensors.NPY_EDITS
    path = folder / name
    path.write_bytes(edited(data, rng, own, any_format=tensors.BINARY))
    return path


@lru_cache(maxsize=1)
def _shard_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in made_up_shards().iterdir() if path.name.startswith("part-")}


def _shards(rng: Random, folder: Path) -> Path:
    files = dict(_shard_files())
    name = rng.choice(sorted(files))
    own = tensors.JSON_EDITS if name.endswith(".json") else tensors.TENSOR_EDITS
    files[name] = edited(files[name], rng, own, any_format=tensors.BINARY)
    for each, data in files.items():
        (folder / each).write_bytes(data)
    return folder / name


@lru_cache(maxsize=1)
def _peptide(folder: Path = Path(os.devnull)) -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "p.pdb"
        write_peptide(path)
        return path.read_bytes()


@lru_cache(maxsize=1)
def _bound_ligand() -> bytes:
    from tempfile import TemporaryDirectory

    import numpy as np

    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "l.sdf"
        write_ligand(path, LIGANDS[0], np.array([6.0, 0.0, 0.0]))
        return path.read_bytes()


def _with_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").mkdir()
    for name, data in tensors.checkpoint_files().items():
        (folder / "checkpoint" / name).write_bytes(data)


def _complex_folder(rng: Random, folder: Path) -> Path:
    """A folder of one complex whose protein or ligand is edited, beside one that is sound."""
    protein, ligand = _peptide(), _bound_ligand()
    for name in ("sound", "edited"):
        own = folder / "complexes" / name
        own.mkdir(parents=True)
        if name == "edited" and rng.random() < 0.5:
            protein = edited(protein, rng, structures.PDB_EDITS)
        elif name == "edited":
            ligand = edited(ligand, rng, molecules.SDF_EDITS)
        (own / "protein.pdb").write_bytes(protein)
        (own / "ligand.sdf").write_bytes(ligand)
    if rng.random() < 0.3:
        (folder / "complexes" / "ligands.csv").write_bytes(edited(tables.LIGANDS_CSV, rng, tables.TABLE_EDITS))
        (folder / "complexes" / "complex.cif").write_bytes(edited(structures.cif_seeds()[1], rng, structures.CIF_EDITS))
    _with_checkpoint(folder)
    return folder


def _pair(rng: Random, folder: Path) -> Path:
    """A protein and a ligand for the command line, one of them edited."""
    _with_checkpoint(folder)
    inputs = folder / "in"
    inputs.mkdir()
    protein = inputs / "protein.pdb"
    protein.write_bytes(_peptide())
    roll = rng.random()
    if roll < 0.4:
        seed = rng.choice((_peptide(), structures.pdb_seeds()[0]))
        protein.write_bytes(edited(seed, rng, structures.PDB_EDITS))
        (inputs / "ligand.sdf").write_bytes(_bound_ligand())
    elif roll < 0.6:
        protein.rename(inputs / "protein.cif")
        (inputs / "protein.cif").write_bytes(edited(rng.choice(structures.cif_seeds()), rng, structures.CIF_EDITS))
        (inputs / "ligand.sdf").write_bytes(_bound_ligand())
    elif roll < 0.8:
        (inputs / "ligand.sdf").write_bytes(edited(rng.choice(molecules.sdf_seeds()), rng, molecules.SDF_EDITS))
    elif roll < 0.9:
        (inputs / "ligand.mol2").write_bytes(edited(molecules.MOL2, rng, molecules.MOL2_EDITS))
    else:
        (inputs / "ligand.smi").write_bytes(molecules.grammar(rng, rng.randint(1, 12)).encode())
    return folder


def write_surroundings(inputs: Path) -> None:
    """Everything that the paths of a CSV can lead to: good, damaged, empty, unreadable, endless and looping files."""
    inputs.mkdir()
    (inputs / "sub").mkdir()
    (inputs / "folder").mkdir()
    (inputs / "p.pdb").write_bytes(_peptide())
    (inputs / "broken.pdb").write_bytes(_peptide()[:300] + b"\x00\xff\x1b")
    sdf = _bound_ligand()
    (inputs / "l.sdf").write_bytes(sdf + b"$$$$\n")
    titles = [
        title.encode()
        for title in (
            *("../../x", "/etc/disco-dock-stray", "CON", "a" * 300, "A", "a"),
            *("=1+1", "$$$$x", "> <t>", "\x1b[2J", "e\u0301"),
        )
    ]
    body = sdf.split(b"\n", 1)[1]
    (inputs / "titles.sdf").write_bytes(b"".join(title + b"\n" + body + b"$$$$\n" for title in titles[:4]))
    (inputs / "many.smi").write_bytes(b"CCO ../up\nCCC /etc/disco-dock-stray\nCCN\nC1CC bad\nCCO A\nCCO a\n")
    for name in ("empty.pdb", "empty.sdf"):
        (inputs / name).write_bytes(b"")
    for name in ("loop.pdb", "loop.sdf"):
        (inputs / name).symlink_to(name)
    for name in ("fifo.pdb", "fifo.sdf"):
        os.mkfifo(inputs / name)
    for name in ("locked.pdb", "locked.sdf"):
        (inputs / name).write_bytes(b"x")
        (inputs / name).chmod(0)


def _csv(rng: Random, folder: Path) -> Path:
    """A CSV of tricky names and paths in their surroundings."""
    write_surroundings(folder / "in")
    path = folder / "in" / "t.csv"
    data = tables.complexes_csv(rng, rng.randint(1, 8))
    path.write_bytes(edited(data, rng, tables.TABLE_EDITS) if rng.random() < 0.5 else data)
    return path


def _csv_command(rng: Random, folder: Path) -> Path:
    """The same for the command line, with few rows."""
    write_surroundings(folder / "in")
    _with_checkpoint(folder)
    (folder / "in" / "t.csv").write_bytes(tables.complexes_csv(rng, rng.randint(1, 3)))
    return folder


LIBRARY_NAMES = (".._l", "=l", "l l", "l\u00e9", os.fsdecode(b"l\xff"), "l\n", "-l", "a" * 200)


def _library(rng: Random, folder: Path, suffix: str, data: bytes) -> Path:
    """A library for `screen`, sometimes gzipped, sometimes under an odd name."""
    if suffix.endswith(".gz"):
        data = gzip.compress(data, 1, mtime=0)
    path = folder / f"{'l' if rng.random() < 0.8 else rng.choice(LIBRARY_NAMES)}{suffix}"
    path.write_bytes(data)
    return path


def _screen_smiles(rng: Random, folder: Path) -> Path:
    lines = [molecules.grammar(rng, rng.randint(1, 20)) + f" {rng.choice(tables.NAMES)}" for _ in range(4)]
    made = "\n".join(lines).encode()
    data = made if rng.random() < 0.3 else edited(rng.choice(molecules.smiles_seeds()), rng, molecules.SMILES_EDITS)
    return _library(rng, folder, rng.choice((".smi", ".smi", ".smi.gz")), data)


def _screen_sdf(rng: Random, folder: Path) -> Path:
    data = edited(rng.choice(molecules.sdf_seeds()), rng, molecules.SDF_EDITS)
    return _library(rng, folder, rng.choice((".sdf", ".sdf", ".sdf.gz")), data)


def _screen_table(rng: Random, folder: Path) -> Path:
    suffix = rng.choice((".csv", ".csv", ".tsv", ".csv.gz", ".tsv.gz"))
    data = tables.library_table(rng, rng.randint(0, 12), "\t" if suffix.startswith(".tsv") else ",")
    return _library(rng, folder, suffix, edited(data, rng, tables.TABLE_EDITS) if rng.random() < 0.7 else data)


def _screen_parquet(rng: Random, folder: Path) -> Path:
    if rng.random() < 0.25:
        data = parquets.odd_library(rng)
    else:
        seed = rng.choice(parquets.parquet_seeds())
        data = edited(seed, rng, parquets.PARQUET_EDITS, any_format=parquets.BYTES)
    return _library(rng, folder, rng.choice((".parquet", ".pq")), data)


def _store(rng: Random, folder: Path) -> Path:
    """A damaged store where the commands may write beside it, and a sound one to merge it with."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    path = folder / "out" / "s.sqlite"
    seed = rng.choice(stores.store_seeds())
    roll = rng.random()
    path.write_bytes(edited(seed, rng, stores.STORE_EDITS, any_format=stores.BYTES) if roll < 0.6 else seed)
    if 0.6 <= roll < 0.9:
        stores.odd_values(path, rng)
    elif roll >= 0.9:
        stores.other_scheme(path, rng)
    if rng.random() < 0.05:
        path.with_name("s.sqlite-wal").write_bytes(rng.randbytes(5000))
    (folder / "out" / "sound.sqlite").write_bytes(stores.store_seeds()[0])
    return path


KINDS: dict[str, Kind] = {
    "pdb": Kind(
        _one(structures.pdb_seeds, structures.PDB_EDITS, "p.pdb", "p.pdb", "p.ent.gz", "p"), readers.receptor, 72
    ),
    "mmcif": Kind(
        _one(structures.cif_seeds, structures.CIF_EDITS, "p.cif", "p.cif", "p.cif.gz", "p"), readers.receptor, 56
    ),
    "sdf": Kind(_one(molecules.sdf_seeds, molecules.SDF_EDITS, "l.sdf", "l.mol", "l.sdf.gz", "l"), readers.ligands, 64),
    "mol2": Kind(_one(molecules.mol2_seeds, molecules.MOL2_EDITS, "l.mol2", "l.mol2.gz", "l"), readers.ligands, 40),
    "ligand-pdb": Kind(_one(molecules.ligand_pdb_seeds, structures.PDB_EDITS, "l.pdb"), readers.ligands, 20),
    "hetatm-pdb": Kind(_one(structures.pdb_seeds, structures.PDB_EDITS, "p.pdb"), readers.hetatm, 16),
    "hetatm-cif": Kind(_one(lambda: structures.cif_seeds()[1:2], structures.CIF_EDITS, "p.cif"), readers.hetatm, 16),
    "smiles": Kind(_smiles, readers.smiles, 56),
    "smiles-list": Kind(_smiles_list, readers.ligands, 32),
    "csv": Kind(_csv, readers.complexes, 32),
    "box": Kind(_autobox, readers.box, 12),
    "ids": Kind(_one(lambda: (tables.IDS,), tables.TABLE_EDITS, "ids.txt"), readers.ids, 4),
    "ligands-csv": Kind(_ligand_table, readers.ligand_table, 8),
    "manifest": Kind(_one(lambda: (tables.MANIFEST,), tables.TABLE_EDITS, "m.csv"), readers.manifest, 8),
    "config-yaml": Kind(
        _one(lambda: (b"model:\n  layers: 3\n  rate: 1e-3\nname: x\n",), tables.TABLE_EDITS, "c.yaml"),
        readers.settings,
        8,
    ),
    "checkpoint": Kind(_checkpoint, readers.checkpoint, 40),
    "training-state": Kind(_state, readers.training_state, 12),
    "embeddings": Kind(_embeddings, readers.embeddings, 16),
    "shards": Kind(_shards, readers.shards, 16),
    "data-build": Kind(_complex_folder, readers.data_build, 4),
    "evaluate": Kind(_complex_folder, readers.evaluate, 1),
    "predict": Kind(_pair, readers.predict, 16),
    "predict-csv": Kind(_csv_command, readers.predict_csv, 8),
    "screen-smiles": Kind(_screen_smiles, screening.library, 16),
    "screen-sdf": Kind(_screen_sdf, screening.library, 16),
    "screen-table": Kind(_screen_table, screening.library, 32),
    "screen-parquet": Kind(_screen_parquet, screening.library, 40),
    "store": Kind(_store, screening.store, 32),
}


def case_random(kind: str, seed: int, index: int) -> Random:
    """The random numbers of a case; they depend on its name alone."""
    return Random(f"{kind}/{seed}/{index}")
