"""How near the training set comes to held-out complexes: the most similar training sequence and ligand of each."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

from disco_dock.data.sequence_search import SequenceIndex, likeness

FINGERPRINT_BITS = 2048
TRIED = 30  # candidates with the most words in common that are aligned
MIN_HITS = 3
MIN_COVERAGE = 0.5  # of the shorter chain; shorter matches are motifs


@dataclass(frozen=True)
class Member:
    """A complex as the report needs it: id, distinct chain sequences, SMILES, scaffold."""

    id: str
    chains: tuple[str, ...]
    smiles: str
    scaffold: str


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The training complexes nearest to one held-out complex.

    Attributes:
        id: held-out complex.
        split: its split.
        sequence_id: training complex with the most similar chain, "" when none is found.
        identity: of those chains, 0 to 1.
        ligand_id: training complex with the most similar ligand.
        tanimoto: of Morgan fingerprints of radius 2 and 2,048 bits.
        scaffold_seen: whether a training ligand has the same scaffold.
    """

    id: str
    split: str
    sequence_id: str
    identity: float
    ligand_id: str
    tanimoto: float
    scaffold_seen: bool


def nearest_neighbours(training: Sequence[Member], held_out: Sequence[tuple[str, Member]]) -> list[Neighbour]:
    """The nearest training neighbours of held-out complexes.

    Args:
        training: complexes to train on, at least one.
        held_out: (split, complex) to look up.
    """
    owner = {sequence: member.id for member in reversed(training) for sequence in member.chains}
    sequences = sorted(owner)
    index = SequenceIndex(sequences)
    prints = [fingerprint(member.smiles) for member in training]
    scaffolds = {member.scaffold for member in training}
    found = []
    for split, member in held_out:
        identity, sequence = max((most_alike(index, owner, chain) for chain in member.chains), default=(0.0, ""))
        tanimoto = np.array(DataStructs.BulkTanimotoSimilarity(fingerprint(member.smiles), prints))
        found.append(
            Neighbour(
                id=member.id,
                split=split,
                sequence_id=owner.get(sequence, ""),
                identity=round(identity, 3),
                ligand_id=training[int(tanimoto.argmax())].id,
                tanimoto=round(float(tanimoto.max()), 3),
                scaffold_seen=member.scaffold in scaffolds,
            )
        )
    return found


def fingerprint(smiles: str) -> DataStructs.ExplicitBitVect:
    """Morgan fingerprint of radius 2 and 2,048 bits of a ligand, the same for each protonation and common tautomer.

    These are as InChI normalises them; without that, the two forms of an amino acid have a similarity of 0.6.
    """
    mol = Chem.MolFromSmiles(smiles)
    with rdBase.BlockLogs():
        neutral = re.sub(r"/p[+-]\d+", "", Chem.MolToInchi(mol))
        mol = Chem.MolFromInchi(neutral) or mol  # there is no InChI of some ligands, such as clusters
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    return generator.GetFingerprint(mol)


def most_alike(index: SequenceIndex, known: Container[str], chain: str, *, tried: int = TRIED) -> tuple[float, str]:
    """Highest identity of an indexed sequence to a chain, and that sequence; 0 and "" where none is alike.

    Args:
        index: of the sequences.
        known: the same, to look an identical one up.
        chain: sequence.
        tried: candidates that are aligned.
    """
    if chain in known:
        return 1.0, chain
    best = (0.0, "")
    for number in index.candidates(chain, min_hits=MIN_HITS)[:tried]:
        other = index.sequences[number]
        alike = likeness(chain, other)
        if alike.coverage >= MIN_COVERAGE:
            best = max(best, (alike.identity, other))
    return best


def summarise(neighbours: Sequence[Neighbour]) -> dict[str, dict[str, Any]]:
    """Per split: counts, percentiles of identity and Tanimoto, and how many lie above usual limits."""
    out: dict[str, dict[str, Any]] = {}
    for split in dict.fromkeys(one.split for one in neighbours):
        own = [one for one in neighbours if one.split == split]
        row: dict[str, Any] = {"complexes": len(own)}
        for name, limits in (("identity", (0.3, 0.5, 0.9)), ("tanimoto", (0.5, 0.7, 0.999))):
            values = np.array([getattr(one, name) for one in own])
            row[f"{name}_percentiles_50_90_100"] = [round(float(v), 3) for v in np.percentile(values, [50, 90, 100])]
            row |= {f"{name}_from_{limit:g}": int((values >= limit).sum()) for limit in limits}
        row["scaffold_seen"] = sum(one.scaffold_seen for one in own)
        out[split] = row
    return out
