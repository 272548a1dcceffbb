"""The index of a training set: what it finds, what it keeps, and damage."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
from rdkit import DataStructs

from disco_dock.cli.main import main
from disco_dock.data.clusters import chain_sequences
from disco_dock.data.leakage import fingerprint
from disco_dock.data.sequence_search import LETTERS, SequenceIndex
from disco_dock.data.training_index import FILE, TrainingIndex, build_index, read_index, write_index
from disco_dock.runtime.errors import CheckpointError, InputError
from tests.support.complexes import LIGANDS
from tests.support.shards import made_up_dataset, made_up_shards

SMILES = (*LIGANDS, "CCO", "NCC(=O)O", "c1ccc2[nH]ccc2c1", "CC" * 40)


def random_sequence(rng, length):
    return "".join(rng.choice(list(LETTERS), length))


def relative(sequence, identity, rng):
    return "".join(one if rng.random() < identity else rng.choice(list(LETTERS)) for one in sequence)


def an_index(chains, smiles=SMILES):
    bits = [sorted(fingerprint(one).GetOnBits()) for one in smiles]
    return TrainingIndex(
        complexes=len(chains),
        chains={chain: f"p{number}" for number, chain in enumerate(chains)},
        ligands=tuple(f"l{number}" for number in range(len(smiles))),
        bits=np.concatenate(bits),
        counts=np.array([len(one) for one in bits]),
    )


@pytest.fixture(scope="module")
def chains():
    rng = np.random.default_rng(0)
    return [random_sequence(rng, int(length)) for length in rng.integers(40, 400, 300)]


def test_near_proteins_are_found_and_unrelated_ones_are_not(chains):
    rng, index = np.random.default_rng(1), an_index(chains)
    for number, identity in enumerate((1.0, 0.95, 0.7, 0.5)):
        own = max(chains[number * 70 : number * 70 + 70], key=len)
        found = index.nearest([random_sequence(rng, 100), relative(own, identity, rng)], "CCO")
        assert index.chains[own] == found.protein_id
        assert found.identity == pytest.approx(identity, abs=0.12)
    assert index.nearest([random_sequence(rng, 200)], "CCO").identity < 0.45
    assert index.nearest([], "CCO").protein_id == ""


def test_similarity_is_rdkits(chains):
    index = an_index(chains[:2])
    for smiles in ("CC(=O)Nc1ccc(OC)cc1", "OCC(N)Cc1cccnc1", "CC"):
        own = fingerprint(smiles)
        values = [DataStructs.TanimotoSimilarity(own, fingerprint(one)) for one in SMILES]
        found = index.nearest([], smiles)
        assert found.tanimoto == pytest.approx(max(values), abs=1e-3)
        assert values[int(found.ligand_id[1:])] == max(values)


def test_protonation_and_tautomers_make_no_other_ligand(chains):
    index = an_index(chains[:2])
    assert index.nearest([], "[NH3+]CC(=O)[O-]").tanimoto == 1.0
    assert fingerprint("O=c1cccc[nH]1") == fingerprint("Oc1ccccn1")


def test_written_and_read_back(chains, tmp_path):
    index = an_index(chains)
    assert write_index(tmp_path / FILE, index) == (tmp_path / FILE).stat().st_size
    again = read_index(tmp_path)
    assert again is not None and again.chains == index.chains and again.ligands == index.ligands
    np.testing.assert_array_equal(again.bits, index.bits)
    np.testing.assert_array_equal(again.counts, index.counts)
    assert read_index(tmp_path / "absent") is None


@pytest.mark.parametrize("damage", ["cut", "other", "packed"])
def test_damage_is_told(chains, tmp_path, damage):
    write_index(tmp_path / FILE, an_index(chains[:5]))
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes({"cut": data[:-20], "other": b"x" * 50, "packed": lzma.compress(b"x" * 50)}[damage])
    with pytest.raises(CheckpointError, match="training_index.xz"):
        read_index(tmp_path)


def test_command_indexes_shards(tmp_path, capsys):
    assert main(["data", "index", str(made_up_shards()), "-o", str(tmp_path / "ck")]) == 0
    assert "3 complexes" in capsys.readouterr().out
    index, dataset = read_index(tmp_path / "ck"), made_up_dataset()
    assert index is not None and index.complexes == 3 and len(index.ligands) == 3
    for number, row in enumerate(dataset.facts):
        found = index.nearest(chain_sequences(dataset, number), row["smiles"])
        assert (found.identity, found.ligand_id, found.tanimoto) == (1.0, row["id"], 1.0)
    ids = tmp_path / "ids.txt"
    ids.write_text("made0\nabsent\n")
    assert main(["data", "index", str(made_up_shards()), "--split-file", str(ids), "-o", str(tmp_path)]) == 1
    assert "absent" in capsys.readouterr().err
    with pytest.raises(InputError):
        build_index([made_up_shards()], ["absent"])


def test_an_index_for_known_queries_finds_the_same(chains):
    rng = np.random.default_rng(2)
    queries = [relative(chains[5], 0.6, rng), relative(chains[17], 0.5, rng), "ACD", ""]
    whole, part = SequenceIndex(chains), SequenceIndex(chains, queries)
    for query in queries:
        assert whole.candidates(query) == part.candidates(query)
    assert SequenceIndex([], queries).candidates(queries[0]) == []
