"""Sequence clusters, splits that no cluster crosses, and the leakage report."""

from __future__ import annotations

import csv
import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.cli.main import main
from disco_dock.data.clusters import chain_sequences, scaffold, sequence_clusters
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.leakage import Member, nearest_neighbours, summarise
from disco_dock.data.sequence_search import LETTERS, SequenceIndex, likeness
from disco_dock.data.shards import write_part
from disco_dock.data.splits import SplitConfig, assign
from disco_dock.runtime.errors import ConfigError
from tests.support.shards import made_up_dataset

THREE = ("ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR").split()
SMILES = ("CC(=O)Nc1ccc(O)cc1", "c1ccc2ncccc2c1CC", "CCCCO", "C1CCCCC1N")


def random_sequence(rng, length=160):
    return "".join(rng.choice(list(LETTERS), length))


def mutated(sequence, identity, rng):
    """A relative with about that identity and a short insertion."""
    letters = [one if rng.random() < identity else rng.choice(list(LETTERS)) for one in sequence]
    at = int(rng.integers(20, len(sequence) - 20))
    return "".join(letters[:at]) + random_sequence(rng, 3) + "".join(letters[at:])


def families(rng, count=8, members=3, identity=0.8):
    """Chains of complexes, and the family of each."""
    chains, family = [], []
    for number in range(count):
        root = random_sequence(rng)
        for _ in range(members):
            chains.append((mutated(root, identity, rng),))
            family.append(number)
    return chains, family


def test_relatives_are_one_cluster_and_strangers_are_not():
    chains, family = families(np.random.default_rng(0))
    clusters = sequence_clusters(chains)
    groups = defaultdict(set)
    for cluster, own in zip(clusters.tolist(), family, strict=True):
        groups[cluster].add(own)
    assert [len(own) for own in groups.values()] == [1] * 8


def test_one_shared_chain_joins_complexes():
    rng = np.random.default_rng(1)
    first, second, third = (random_sequence(rng) for _ in range(3))
    clusters = sequence_clusters([(first,), (second, first), (second,), (third,)])
    assert clusters.tolist() == [0, 0, 0, 1]


def test_likeness_counts_identical_columns():
    rng = np.random.default_rng(2)
    sequence = random_sequence(rng)
    assert likeness(sequence, sequence) == (1.0, 1.0)
    changed = "".join("A" if one != "A" and place % 4 == 0 else one for place, one in enumerate(sequence))
    same = sum(a == b for a, b in zip(sequence, changed, strict=True)) / len(sequence)
    assert likeness(sequence, changed).identity == pytest.approx(same, abs=0.02)
    assert likeness(sequence, random_sequence(rng)).identity < 0.35
    half = likeness(sequence[:60], sequence)
    assert half.coverage == 1.0 and half.identity == 1.0


def test_candidates_are_found_by_a_naive_count_too():
    rng = np.random.default_rng(3)
    sequences = [random_sequence(rng, 60) for _ in range(6)]
    sequences.append(mutated(sequences[2], 0.8, rng))
    index = SequenceIndex(sequences)

    def shared(first, second):
        """Most words on any 8 neighbouring diagonals."""
        gaps = [
            j - i
            for i in range(len(first) - 2)
            for j in range(len(second) - 2)
            if first[i : i + 3] == second[j : j + 3]
        ]
        return max((sum(0 <= gap - low < 8 for gap in gaps) for low in gaps), default=0)

    found = index.candidates(sequences[2])
    assert found[0] == 2 and 6 in found
    for number in found:
        assert shared(sequences[2], sequences[number]) >= 6


@given(st.integers(0, 10_000), st.booleans(), st.floats(0.0, 0.4), st.floats(0.0, 0.4))
def test_no_cluster_crosses_a_split(seed, by_scaffold, val, test):
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 12, 60)
    scaffolds = [f"s{number}" for number in rng.integers(0, 15, 60)]
    splits = assign(clusters, scaffolds, SplitConfig(val=val, test=test, by_scaffold=by_scaffold, seed=seed))
    for names in (clusters.tolist(), scaffolds) if by_scaffold else (clusters.tolist(),):
        where = defaultdict(set)
        for name, split in zip(names, splits, strict=True):
            where[name] |= {split} - {"set_aside"}
        assert all(len(own) <= 1 for own in where.values())
    assert splits.count("val") <= val * 60 and splits.count("test") <= test * 60
    if not by_scaffold:
        assert "set_aside" not in splits


def test_scaffolds():
    assert scaffold("CCc1ccccc1") == scaffold("Oc1ccccc1C(=O)N") == "c1ccccc1"
    assert scaffold("CC(N)O") != scaffold("CCCO")
    assert scaffold("C[C@H](N)C(=O)O") == scaffold("C[C@@H](N)C(=O)O")


def test_nearest_training_neighbour():
    rng = np.random.default_rng(4)
    root, other = random_sequence(rng), random_sequence(rng)
    training = [Member("a", (root,), SMILES[0], scaffold(SMILES[0])), Member("b", (other,), SMILES[2], "CCCCO")]
    held = [
        ("test", Member("x", (mutated(root, 0.7, rng),), SMILES[0], scaffold(SMILES[0]))),
        ("val", Member("y", (random_sequence(rng),), SMILES[3], scaffold(SMILES[3]))),
        ("val", Member("z", (other,), SMILES[2], "CCCCO")),
    ]
    x, y, z = nearest_neighbours(training, held)
    assert (x.sequence_id, x.ligand_id, x.tanimoto, x.scaffold_seen) == ("a", "a", 1.0, True)
    assert 0.6 < x.identity < 0.85
    assert (y.sequence_id, y.identity, y.scaffold_seen) == ("", 0.0, False) and y.tanimoto < 0.3
    assert (z.sequence_id, z.identity) == ("b", 1.0)
    report = summarise([x, y, z])
    assert report["val"]["complexes"] == 2 and report["val"]["identity_from_0.9"] == 1
    assert report["test"]["tanimoto_from_0.999"] == 1


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards of 24 complexes of 8 families of proteins, made from one example with other residues."""
    root = tmp_path_factory.mktemp("families")
    chains, family = families(np.random.default_rng(5))
    dataset = made_up_dataset()
    arrays = dataset.arrays(0)
    packed, facts = [], []
    for number, (sequence,) in enumerate(chains):
        residues = np.array([RESIDUE_TYPES.index(THREE[LETTERS.index(one)]) for one in sequence], dtype=np.uint8)
        count = len(residues)
        ca = np.zeros((count, 3), dtype=np.int16)
        packed.append({**arrays, "residues": residues, "chains": np.zeros(count, dtype=np.uint8), "ca": ca})
        smiles = SMILES[0] if number in (0, 5) else "C" * (number + 1) + "N"
        facts.append({"id": f"f{family[number]}m{number}", "smiles": smiles, "inchikey": f"K{number}"})
        facts[-1] |= {"atoms": 1, "residues": count}
    write_part(root / "part-00000.safetensors", packed, facts, [], recipe="test")
    return root


def test_sequences_come_from_the_shards(shards):
    dataset = ComplexDataset(shards)
    chains, _ = families(np.random.default_rng(5))
    assert [chain_sequences(dataset, number) for number in range(len(dataset))] == chains


@pytest.mark.parametrize("option", [[], ["--scaffolds"]])
def test_command_writes_splits_that_families_do_not_cross(shards, tmp_path, capsys, option):
    out = tmp_path / "splits"
    assert main(["data", "split", str(shards), "-o", str(out), "--val", "0.25", "--test", "0.25", *option]) == 0
    report = json.loads((out / "leakage.json").read_text())
    assert report == json.loads(capsys.readouterr().out)
    assert report["clusters"] == 8 and report["clusters_in_several_splits"] == 0
    where = defaultdict(set)
    for name in ("train", "val", "test"):
        for one in (out / f"{name}.txt").read_text().split():
            where[one[:2]].add(name)
    assert all(len(own) == 1 for own in where.values())
    assert report["complexes"]["test"] >= 1
    if option:
        assert report["scaffolds_in_several_splits"] == 0
        rows = list(csv.DictReader((out / "clusters.csv").open()))
        assert sum(row["split"] == "set_aside" for row in rows) == report["complexes"]["set_aside"]
    first = (out / "clusters.csv").read_bytes()
    assert main(["data", "split", str(shards), "-o", str(out), "--val", "0.25", "--test", "0.25", *option]) == 0
    assert (out / "clusters.csv").read_bytes() == first


def test_given_splits_are_reported_on(shards, tmp_path, capsys):
    ids = ComplexDataset(shards).ids
    (tmp_path / "train.txt").write_text("\n".join(ids[::2]))
    (tmp_path / "test.txt").write_text("\n".join(ids[1::2]))
    files = ["--given", f"train={tmp_path / 'train.txt'}", "--given", f"test={tmp_path / 'test.txt'}"]
    assert main(["data", "split", str(shards), "-o", str(tmp_path / "report"), *files]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clusters_in_several_splits"] == 8
    assert report["nearest_training_neighbour"]["test"]["identity_from_0.3"] == 12
    assert not (tmp_path / "report" / "train.txt").exists()
    (tmp_path / "test.txt").write_text(ids[0])
    assert main(["data", "split", str(shards), "-o", str(tmp_path / "report"), *files]) == 1
    assert "is in the splits" in capsys.readouterr().err
    assert main(["data", "split", str(shards), "-o", str(tmp_path / "report"), files[2], files[3]]) == 2


@pytest.mark.parametrize("wrong", [{"val": -0.1}, {"val": 0.5, "test": 0.5}, {"identity": 0.0}, {"coverage": 1.5}])
def test_bad_fractions(wrong):
    with pytest.raises(ConfigError):
        SplitConfig(**wrong)
