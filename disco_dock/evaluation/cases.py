"""Complexes with a known pose to dock: from their files, or from shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from disco_dock.chem.conformers import embed
from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.stereo import without_pose
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.prepare import CHAIN_CUTOFF, read_source
from disco_dock.data.shards import part_files
from disco_dock.data.sources import SourceFolder
from disco_dock.docking.language_model import read_embeddings
from disco_dock.graph.build import build_complex
from disco_dock.graph.molecule import ligand_of
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import derive_seed


class Bound(NamedTuple):
    """A ligand in its crystal pose and its receptor, in the frame of the receptor's file."""

    name: str
    ligand: Ligand
    receptor: Receptor


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One complex to dock.

    Attributes:
        name: id.
        ligand: molecule with its crystal pose, in the frame of the receptor file (of the graph when from shards).
        graph: what is docked; its conformer does not come from the crystal pose.
        receptor: with its atoms, or None when from shards.
    """

    name: str
    ligand: Ligand
    graph: ComplexGraph
    receptor: Receptor | None

    @property
    def crystal(self) -> np.ndarray:
        """(atoms, 3) crystal pose in Angstrom."""
        assert self.ligand.pos is not None
        return self.ligand.pos


class Cases(Protocol):
    """Complexes by id."""

    ids: list[str]
    has_files: bool

    def load(self, name: str) -> Case:
        """One complex.

        Raises:
            InputError: it cannot be read or prepared.
        """
        ...


class FileCases:
    """Complexes of a folder, see `SourceFolder`; receptors are the chains within 10 Angstrom of the ligand, with the
    groups of a `hetero.pdb` beside them.

    Args:
        root: the folder.
        ids: complexes to take, or None for all.
        seed: of the conformers.
        lm_dim: language-model features that the checkpoint needs, 0 for none.
        all_atoms: with the receptor's atoms, for a checkpoint with a pose expert.
        groups: which groups of the files are obstacles, None for the defaults.
    """

    has_files = True

    def __init__(
        self,
        root: Path,
        ids: Sequence[str] | None,
        *,
        seed: int,
        lm_dim: int = 0,
        all_atoms: bool = False,
        groups: GroupChoice | None = None,
    ) -> None:
        self._folder = SourceFolder(root)
        self.ids = self._folder.names() if ids is None else list(ids)
        self._seed, self._lm_dim, self._all_atoms, self._groups = seed, lm_dim, all_atoms, groups or GroupChoice()

    def read(self, name: str) -> Bound:
        """A ligand in its crystal pose and its receptor.

        Raises:
            InputError: they cannot be read.
        """
        ligand, structure = read_source(self._folder.find(name), context=True)
        if ligand.pos is None:
            raise InputError(f"{name}: the ligand file has no 3-D pose to compare with; leave it out")
        near = (ligand.pos, CHAIN_CUTOFF)
        receptor = read_receptor(structure, keep_within=near, groups=self._groups, replaced=ligand.pos)
        return Bound(name=name, ligand=ligand, receptor=receptor)

    def load(self, name: str) -> Case:
        """One complex, read and prepared as for a prediction."""
        _, ligand, receptor = self.read(name)
        blank = without_pose(ligand.mol)  # so that no fallback starts from the answer
        conformer = embed(blank, seed=derive_seed("conformer", self._seed, ligand.smiles))
        features = read_embeddings(None, self._folder.find(name).protein, receptor, self._lm_dim)
        graph = build_complex(receptor, ligand, conformer.pos, features, all_atoms=self._all_atoms)
        return Case(name=name, ligand=ligand, graph=graph, receptor=receptor)


class ShardCases:
    """Complexes of shards: no receptor atoms, so neither PoseBusters nor Vina can be run on them.

    Args:
        root: folder of shards.
        ids: complexes to take, or None for all; one that the shards lack fails when it is loaded.
    """

    has_files = False

    def __init__(self, root: Path, ids: Sequence[str] | None) -> None:
        self._dataset = ComplexDataset(root)
        self._numbers = {name: number for number, name in enumerate(self._dataset.ids)}
        self.ids = self._dataset.ids if ids is None else list(ids)

    def load(self, name: str) -> Case:
        """One complex in the frame of its graph."""
        if name not in self._numbers:
            raise InputError(f"{name}: is not in the shards; see their failures.csv")
        number = self._numbers[name]
        if self._dataset.facts[number]["rung"] == "input":
            raise InputError(f"{name}: no conformer could be made without the crystal pose")
        example = self._dataset[number]
        ligand = ligand_of(example.graph, example.pos_crystal.double().numpy(), name)
        return Case(name=name, ligand=ligand, graph=example.graph, receptor=None)


def open_cases(
    data: Path,
    ids: Sequence[str] | None,
    *,
    seed: int,
    lm_dim: int,
    all_atoms: bool = False,
    groups: GroupChoice | None = None,
) -> Cases:
    """The complexes of a folder of files or shards.

    Raises:
        InputError: the folder holds neither, or the checkpoint or the choice of groups needs what shards do not hold.
    """
    if not part_files(data):
        return FileCases(data, ids, seed=seed, lm_dim=lm_dim, all_atoms=all_atoms, groups=groups)
    if groups not in (None, GroupChoice()):
        raise InputError(f"{data}: --keep and --drop need the files of the complexes, and these are shards")
    if lm_dim:
        raise InputError(f"{data}: shards hold no language-model features, which this checkpoint needs; give the files")
    return ShardCases(data, ids)
