"""Minimised poses of training complexes, near the crystal pose and far from it, for the contact score's training."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.pose_search import lowest_places
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.docking.refinement import is_trace
from disco_dock.docking.sample_and_refine import Target, sample_and_refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.evaluation.cases import Case, Cases
from disco_dock.evaluation.fit.decoy_starts import AROUND, CLOSE, RebuiltLigand, other_sites
from disco_dock.physics.search_settings import SearchSettings
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaScorer, VinaScores
from disco_dock.runtime.errors import ConfigError, DiscoError, InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.random import derive_seed
from disco_dock.runtime.tables import write_json
from disco_dock.weights.networks import weights_sha256

SETTINGS_FILE = "settings.json"
SAMPLED, SHIFTED, NATIVE, ELSEWHERE = 0, 1, 2, 3
SITES_PER_POSE = 4
"""Places tried for each pose in another pocket."""


@dataclass(frozen=True, kw_only=True)
class DecoySettings:
    """How many poses of a complex, and how they are made.

    Attributes:
        sampled: by the checkpoint, as for a prediction.
        around: from starts around the crystal pose, most of which end up elsewhere.
        close: from starts close to it.
        elsewhere: at most, of lowest energy in other pockets of the receptor.
        moves: Monte-Carlo steps of each.
        seed: random seed.
    """

    sampled: int = 16
    around: int = 12
    close: int = 4
    elsewhere: int = 12
    moves: int = 100
    seed: int = 0


class Decoys(NamedTuple):
    """Minimised poses of one complex.

    Attributes:
        pos: (poses, atoms, 3) float32 in Angstrom in the receptor's frame.
        inter: (poses,) energy with the receptor, kcal/mol.
        intra: (poses,) energy inside the ligand, kcal/mol.
        rmsd: (poses,) Angstrom from the crystal pose, symmetry corrected.
        kind: (poses,) SAMPLED, SHIFTED, NATIVE or ELSEWHERE.
    """

    pos: np.ndarray
    inter: np.ndarray
    intra: np.ndarray
    rmsd: np.ndarray
    kind: np.ndarray

    @property
    def energies(self) -> VinaScores:
        """The energies; the score per rotor is not needed here."""
        return VinaScores(self.inter, self.inter, self.intra)


def make_decoys(
    engine: Engine,
    cases: Cases,
    settings: DecoySettings,
    folder: Path,
    *,
    on_case: Callable[[str, str, int, int], None] | None = None,
) -> list[str]:
    """Ids of the complexes with decoys, in order; one file each, existing files are kept.

    Args:
        engine: the networks.
        cases: complexes with crystal poses, from their files.
        settings: of the poses.
        folder: gets `<id>.npz` and the settings.
        on_case: called with id, error or "", how many are done, and of how many.

    Raises:
        ConfigError: the folder has decoys made with other settings.
    """
    _check_settings(engine, settings, folder)
    made = []
    for number, name in enumerate(cases.ids, start=1):
        error = ""
        if not decoy_file(folder, name).is_file():
            try:
                found = _decoys(engine, cases.load(name), settings)
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


def _check_settings(engine: Engine, settings: DecoySettings, folder: Path) -> None:
    weights = {part: value for part, value in weights_sha256(engine.models).items() if part in ("score", "prior")}
    wanted: dict[str, Any] = {"settings": asdict(settings), "weights": weights}
    path = folder / SETTINGS_FILE
    if path.is_file() and json.loads(path.read_text()) != wanted:
        raise ConfigError(f"{folder}: its decoys were made with other settings or weights; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)


def _decoys(engine: Engine, case: Case, settings: DecoySettings) -> Decoys:
    if case.receptor is None or is_trace(case.receptor):
        raise ConfigError(
            f"{case.name}: the receptor is a trace without side chains, which physics needs; leave it out"
        )
    name, mol, receptor = case.name, case.ligand.mol, ReceptorFields(receptor=case.receptor)
    docking = docking_settings(
        engine.models, PredictSettings(num_poses=settings.sampled, seed=settings.seed), restraint=None
    )
    search = SearchSettings(moves=settings.moves)
    physics = _searching(engine.models.config.physics, settings.moves)
    target = Target(receptor=receptor, ligand=case.ligand, graph=case.graph, stream=name)
    samples = sample_and_refine(engine, target, docking, physics, contacts=None, with_strain=False)
    scorer = VinaScorer(receptor.field, mol)
    ligand = RebuiltLigand(case, settings.seed)
    around, close = ligand.around(settings.around, AROUND), ligand.around(settings.close, CLOSE)
    starts = np.concatenate([around, close, _elsewhere(case, scorer, ligand, settings)])
    seeds = [derive_seed("decoy", settings.seed, name, number) for number in range(len(starts))]
    pos = np.concatenate([samples.refined.pos, scorer.search(starts, seeds, search)])
    inter, intra, _ = scorer.energies(pos)
    counts = (settings.sampled, settings.around, settings.close)
    kind = np.full(len(pos), ELSEWHERE)
    kind[: sum(counts)] = np.repeat((SAMPLED, SHIFTED, NATIVE), counts)
    return Decoys(
        pos=pos.astype(np.float32), inter=inter, intra=intra, rmsd=symmetric_rmsd(mol, pos, case.crystal), kind=kind
    )


def _searching(physics: PhysicsSettings, moves: int) -> PhysicsSettings:
    return replace(physics, minimize="vina", moves=moves, restarts=0, finalists=0)


def _elsewhere(case: Case, scorer: VinaScorer, ligand: RebuiltLigand, settings: DecoySettings) -> np.ndarray:
    """(at most settings.elsewhere, atoms, 3) minimised starts in other pockets, those of lowest energy."""
    rng = np.random.default_rng(derive_seed("elsewhere", settings.seed, case.name) % 2**32)
    sites = other_sites(scorer.field.receptor.pos, case.crystal.mean(0), SITES_PER_POSE * settings.elsewhere, rng)
    starts = ligand.at(sites)
    if not len(starts):
        return starts
    seeds = [derive_seed("site", settings.seed, case.name, number) for number in range(len(starts))]
    pos = scorer.search(starts, seeds, SearchSettings(moves=0))
    return pos[lowest_places(pos, np.add(*scorer.energies(pos)[:2]), settings.elsewhere)]
