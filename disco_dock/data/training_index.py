"""What a checkpoint was trained on, small enough to come with it: distinct protein sequences and ligand fingerprints.

The index holds no coordinates and no ligand structures, but the sequences can be read from it: whoever shares a
checkpoint trained on secret proteins leaves it out.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from disco_dock.data.clusters import chain_sequences
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.leakage import FINGERPRINT_BITS, fingerprint, most_alike
from disco_dock.data.sequence_search import SequenceIndex
from disco_dock.runtime.errors import CheckpointError, InputError
from disco_dock.runtime.files import atomic_write

FILE = "training_index.xz"
FORMAT = 1
MAX_BYTES = 1 << 28  # of an unpacked index; a larger one is damaged, or meant to fill the memory
MAX_GAP = 255
TRIED = 12
"""Sequences that are aligned to a chain: those with most words in common. Thirty found nothing nearer for the chains of
111 test complexes."""


@dataclass(frozen=True, kw_only=True)
class NearestTraining:
    """The training complexes with the protein and with the ligand most like those of a complex.

    Attributes:
        protein_id: "" where no chain is alike.
        identity: identical columns of the local alignment of the two most similar chains, 0 to 1.
        ligand_id: of the most similar ligand.
        tanimoto: of Morgan fingerprints of radius 2 and 2,048 bits, 0 to 1.
    """

    protein_id: str
    identity: float
    ligand_id: str
    tanimoto: float


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingIndex:
    """Distinct sequences and fingerprints of a training set, each with the id of one complex that has it.

    Attributes:
        complexes: how many were trained on.
        chains: id by sequence.
        ligands: ids.
        bits: set bits of the fingerprints, one ligand after the other.
        counts: (ligands,) how many are each ligand's.
    """

    complexes: int
    chains: dict[str, str]
    ligands: tuple[str, ...]
    bits: np.ndarray
    counts: np.ndarray

    def nearest(self, sequences: Sequence[str], smiles: str) -> NearestTraining:
        """What is most like a complex of these chains and this ligand."""
        identity, sequence = self._nearest_chain(tuple(sequences))
        own = np.zeros(FINGERPRINT_BITS, dtype=bool)
        own[list(fingerprint(smiles).GetOnBits())] = True
        common = np.add.reduceat(own[self.bits].astype(np.int64), np.cumsum(self.counts) - self.counts)
        tanimoto = common / (self.counts + own.sum() - common)
        best = int(tanimoto.argmax())
        return NearestTraining(
            protein_id=self.chains.get(sequence, ""),
            identity=round(identity, 3),
            ligand_id=self.ligands[best],
            tanimoto=round(float(tanimoto[best]), 3),
        )

    @lru_cache(maxsize=8)  # noqa: B019 - an index is kept as long as the program runs
    def _nearest_chain(self, sequences: tuple[str, ...]) -> tuple[float, str]:
        """Highest identity of a training sequence to one of some chains, and that sequence."""
        known = [sequence for sequence in sequences if sequence in self.chains]
        if known:
            return 1.0, known[0]
        index = SequenceIndex(list(self.chains), sequences)
        return max((most_alike(index, self.chains, chain, tried=TRIED) for chain in sequences), default=(0.0, ""))


def build_index(shards: Sequence[Path], ids: Sequence[str] | None) -> TrainingIndex:
    """The index of the complexes of some folders of shards.

    Args:
        shards: folders, taken together.
        ids: complexes that were trained on, or None for all.

    Raises:
        InputError: a folder has none of them, or one is in no folder.
    """
    chains: dict[str, str] = {}
    prints: dict[tuple[int, ...], str] = {}
    found: set[str] = set()
    for dataset in (ComplexDataset(folder, ids) for folder in shards):
        for number, row in enumerate(dataset.facts):
            found.add(row["id"])
            for sequence in chain_sequences(dataset, number):
                chains[sequence] = min(row["id"], chains.get(sequence, row["id"]))
            bits = tuple(fingerprint(row["smiles"]).GetOnBits())
            prints[bits] = min(row["id"], prints.get(bits, row["id"]))
    lacking = sorted(set(ids or ()) - found)
    if lacking:
        raise InputError(f"{lacking[0]} and {len(lacking) - 1} other ids are not in the shards; give all their folders")
    ordered = sorted(prints)
    return TrainingIndex(
        complexes=len(found),
        chains=dict(sorted(chains.items())),
        ligands=tuple(prints[bits] for bits in ordered),
        bits=np.array([bit for bits in ordered for bit in bits], dtype=np.int64),
        counts=np.array([len(bits) for bits in ordered], dtype=np.int64),
    )


def write_index(path: Path, index: TrainingIndex) -> int:
    """Write an index atomically; returns its size in bytes."""
    ends = np.cumsum(index.counts)
    gaps, lengths = zip(
        *(_gaps(index.bits[end - count : end]) for end, count in zip(ends, index.counts, strict=True)), strict=True
    )
    arrays = {
        "format": np.array([FORMAT, index.complexes], dtype=np.int64),
        "chains": _as_bytes(list(index.chains)),
        "chain_ids": _as_bytes(list(index.chains.values())),
        "ligand_ids": _as_bytes(list(index.ligands)),
        "gaps": np.concatenate(gaps),
        "lengths": np.array(lengths, dtype=np.uint16),
    }
    data = lzma.compress(save(arrays), preset=9 | lzma.PRESET_EXTREME)
    with atomic_write(path) as file:
        file.write(data)
    return len(data)


@lru_cache(maxsize=2)
def read_index(directory: Path) -> TrainingIndex | None:
    """The index of a checkpoint folder, or None when it has none.

    Raises:
        CheckpointError: it is damaged or of another format.
    """
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        unpack = lzma.LZMADecompressor()
        arrays = load(unpack.decompress(path.read_bytes(), MAX_BYTES))
        (number, complexes), lengths = arrays["format"].tolist(), arrays["lengths"].astype(np.int64)
        if number != FORMAT or not unpack.eof:
            raise CheckpointError(f"{path}: is of another format; update disco-dock or make the index again")
        gaps = arrays["gaps"]
        place = np.cumsum(np.where(gaps, gaps, MAX_GAP).astype(np.int64))
        first = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(len(lengths)), lengths)
        bits = place - np.concatenate([[0], place])[first][owner] - 1
        chains = dict(zip(_as_text(arrays["chains"]), _as_text(arrays["chain_ids"]), strict=True))
        ligands = tuple(_as_text(arrays["ligand_ids"]))
        whole = len(ligands) == len(lengths) and bits[gaps > 0].max(initial=0) < FINGERPRINT_BITS
    except (OSError, lzma.LZMAError, SafetensorError, KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"{path}: the training index is damaged ({error}); fetch the checkpoint again") from error
    if not whole:
        raise CheckpointError(f"{path}: the training index is damaged; fetch the checkpoint again")
    counts = np.bincount(owner[gaps > 0], minlength=len(lengths))
    return TrainingIndex(complexes=complexes, chains=chains, ligands=ligands, bits=bits[gaps > 0], counts=counts)


def _gaps(bits: np.ndarray) -> tuple[np.ndarray, int]:
    """Steps from bit to bit as bytes, 0 for a step of 255 that reaches none; and their number."""
    steps = np.diff(bits, prepend=-1)
    jumps = (steps - 1) // MAX_GAP
    out = np.zeros(int(jumps.sum()) + len(steps), dtype=np.uint8)
    out[np.cumsum(jumps + 1) - 1] = steps - jumps * MAX_GAP
    return out, len(out)


def _as_bytes(lines: list[str]) -> np.ndarray:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)


def _as_text(data: np.ndarray) -> list[str]:
    return data.tobytes().decode().split("\n")
