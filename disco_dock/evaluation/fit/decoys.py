"""Minimised poses of training complexes, near the crystal pose and far from it, for the contact score's training."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.docking.pocket import DEFAULT_RADIUS
from disco_dock.docking.pose_search import lowest_places
from disco_dock.docking.refinement import check_side_chains
from disco_dock.evaluation.cases import Bound, FileCases
from disco_dock.evaluation.fit.decoy_starts import AROUND, CLOSE, RebuiltLigand, other_sites
from disco_dock.physics.free_space import free_points
from disco_dock.physics.search_settings import Basins, SearchSettings, Sphere
from disco_dock.physics.vina_scorer import VinaField, VinaScorer, VinaScores, fresh_minima
from disco_dock.runtime.errors import ConfigError, DiscoError, InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.random import derive_seed
from disco_dock.runtime.tables import write_json

SETTINGS_FILE = "settings.json"
SCATTERED, SHIFTED, NATIVE, ELSEWHERE = 0, 1, 2, 3
SITES_PER_POSE = 4
"""Places tried for each pose in another pocket."""


@dataclass(frozen=True, kw_only=True)
class DecoySettings:
    """How many searches of a complex, and how they are made.

    Attributes:
        scattered: from starts anywhere in the free space of the pocket, 10 Angstrom around the crystal pose.
        around: from starts around the crystal pose, most of which end up elsewhere.
        close: from starts close to it.
        elsewhere: at most, of lowest energy in other pockets of the receptor.
        moves: Monte-Carlo steps of each.
        basins: minima kept of each, at most.
        seed: random seed.
    """

    scattered: int = 8
    around: int = 8
    close: int = 4
    elsewhere: int = 8
    moves: int = 200
    basins: int = 2
    seed: int = 0


class Decoys(NamedTuple):
    """Minimised poses of one complex.

    Attributes:
        pos: (poses, atoms, 3) float32 in Angstrom in the receptor's frame.
        inter: (poses,) energy with the receptor, kcal/mol.
        intra: (poses,) energy inside the ligand, kcal/mol.
        rmsd: (poses,) Angstrom from the crystal pose, symmetry corrected.
        kind: (poses,) SCATTERED, SHIFTED, NATIVE or ELSEWHERE.
    """

    pos: np.ndarray
    inter: np.ndarray
    intra: np.ndarray
    rmsd: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, scorer: VinaScorer, bound: Bound, pos: np.ndarray, kind: np.ndarray) -> Decoys:
        """Poses (poses, atoms, 3) of a complex, with their energies and RMSDs."""
        assert bound.ligand.pos is not None
        inter, intra, _ = scorer.energies(pos)
        rmsd = symmetric_rmsd(bound.ligand.mol, pos, bound.ligand.pos)
        return cls(pos=pos.astype(np.float32), inter=inter, intra=intra, rmsd=rmsd, kind=kind)

    @property
    def energies(self) -> VinaScores:
        """The energies; the score per rotor is not needed here."""
        return VinaScores(self.inter, self.inter, self.intra)


def make_decoys(
    cases: FileCases,
    settings: Any,
    folder: Path,
    *,
    make: Callable[[Bound, Any], Decoys],
    of: Mapping[str, str] = MappingProxyType({}),
    on_case: Callable[[str, str, int, int], None] | None = None,
) -> list[str]:
    """Ids of the complexes with decoys, in order; one file each, existing files are kept.

    Args:
        cases: complexes with crystal poses.
        settings: of the poses, a dataclass.
        folder: gets `<id>.npz` and the settings.
        make: the poses of a complex by the settings, such as `searched_decoys`.
        of: what else the poses depend on.
        on_case: called with id, error or "", how many are done, and of how many.

    Raises:
        ConfigError: the folder has decoys made with other settings.
    """
    _check_settings({"settings": asdict(settings), **of}, folder)
    made = []
    for number, name in enumerate(cases.ids, start=1):
        error = ""
        if not decoy_file(folder, name).is_file():
            try:
                found = make(cases.read(name), settings)
                with atomic_write(decoy_file(folder, name)) as handle:
                    np.savez_compressed(handle, **found._asdict())
            except DiscoError as problem:
                error = str(problem)
        if not error:
            made.append(name)
        if on_case is not None:
            on_case(name, error, number, len(cases.ids))
    return made


def decoy_file(folder: Path, name: str) -> Path:
    """The file of a complex."""
    return folder / f"{name}.npz"


def read_decoys(folder: Path, name: str) -> Decoys:
    """The decoys of a complex.

    Raises:
        InputError: the file is damaged.
    """
    path = decoy_file(folder, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            return Decoys(**{field: file[field] for field in Decoys._fields})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a file of decoys ({error}); delete it and run again") from error


def _check_settings(wanted: Mapping[str, Any], folder: Path) -> None:
    path = folder / SETTINGS_FILE
    if path.is_file() and json.loads(path.read_text()) != wanted:
        raise ConfigError(f"{folder}: its decoys were made with other settings; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)


def searched_decoys(bound: Bound, settings: DecoySettings) -> Decoys:
    """Poses of a complex that searches from many places found.

    Raises:
        ConfigError: the receptor is a trace.
    """
    check_side_chains(bound.name, bound.receptor)
    name, crystal = bound.name, bound.ligand.pos
    assert crystal is not None
    scorer = VinaScorer(VinaField(bound.receptor), bound.ligand.mol)
    ligand = RebuiltLigand(bound.ligand, name, settings.seed)
    seed = derive_seed("scattered", settings.seed, name) % 2**32
    starts = {
        SHIFTED: ligand.around(settings.around, AROUND),
        NATIVE: ligand.around(settings.close, CLOSE),
        SCATTERED: ligand.at(scattered_places(scorer, crystal, seed, settings.scattered)),
        ELSEWHERE: _elsewhere(scorer, crystal, name, ligand, settings),
    }
    search, keep = SearchSettings(moves=settings.moves), Basins(count=settings.basins)
    pos, kinds = [], []
    for kind, some in starts.items():
        seeds = [derive_seed("decoy", settings.seed, name, kind, number) for number in range(len(some))]
        minima = scorer.search_basins(some, seeds, search, None, keep)
        pos.append(minima[fresh_minima(minima)])
        kinds.append(np.full(len(pos[-1]), kind))
    return Decoys.of(scorer, bound, np.concatenate(pos), np.concatenate(kinds))


def scattered_places(scorer: VinaScorer, crystal: np.ndarray, seed: int, count: int) -> np.ndarray:
    """(at most `count`, 3) places in the free space of the pocket around a crystal pose (atoms, 3)."""
    sphere = Sphere(center=crystal.mean(0), radius=DEFAULT_RADIUS)
    return free_points(scorer.field.receptor.pos, sphere, seed)[:count]


def _elsewhere(
    scorer: VinaScorer, crystal: np.ndarray, name: str, ligand: RebuiltLigand, settings: DecoySettings
) -> np.ndarray:
    """(at most settings.elsewhere, atoms, 3) minimised starts in other pockets, those of lowest energy."""
    rng = np.random.default_rng(derive_seed("elsewhere", settings.seed, name) % 2**32)
    sites = other_sites(scorer.field.receptor.pos, crystal.mean(0), SITES_PER_POSE * settings.elsewhere, rng)
    starts = ligand.at(sites)
    if not len(starts):
        return starts
    seeds = [derive_seed("site", settings.seed, name, number) for number in range(len(starts))]
    pos = scorer.search(starts, seeds, SearchSettings(moves=0))
    return pos[lowest_places(pos, np.add(*scorer.energies(pos)[:2]), settings.elsewhere)]
