"""Features and RMSDs of the poses of complexes, for fitting and measuring the judge; each is docked once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.docking.engine import Engine
from disco_dock.docking.judging import pose_inputs
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.docking.refinement import check_side_chains
from disco_dock.docking.sample_and_refine import Target, after_physics, sample_and_refine
from disco_dock.evaluation.cases import Cases
from disco_dock.evaluation.rows import RowFile
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.evidence import PoseInputs, Recurrence
from disco_dock.ranking.order import rank_order
from disco_dock.runtime.errors import ConfigError, DiscoError
from disco_dock.sampling.sample import DockingSettings
from disco_dock.weights.networks import weights_sha256


@dataclass(frozen=True, kw_only=True)
class PoseRow:
    """Minimised poses of one complex, in the order of sampling.

    Attributes:
        id: of the complex.
        atoms: heavy atoms of the ligand.
        rmsd: Angstrom from the crystal pose.
        energy: Vina energy with the receptor and inside the ligand, kcal/mol.
        confidence: logits of the confidence model; empty without one.
        contacts: contact scores; empty where the checkpoint has none.
        stereo_kept: whether stereo is as in the input.
        near: of each pose, the others within 2 Angstrom.
        recurrence: of each pose, the shares of weight and of searches that agree with it; empty without searches.
        error: why there are no poses, or "".
    """

    id: str
    atoms: int = 0
    rmsd: tuple[float, ...] = ()
    energy: tuple[float, ...] = ()
    confidence: tuple[float, ...] = ()
    contacts: tuple[float, ...] = ()
    stereo_kept: tuple[bool, ...] = ()
    near: tuple[tuple[int, ...], ...] = ()
    recurrence: tuple[tuple[float, ...], ...] = ()
    error: str = ""

    @property
    def facts(self) -> PoseInputs:
        """Input of the judge."""
        near = np.eye(len(self.rmsd), dtype=bool)
        for pose, others in enumerate(self.near):
            near[pose, list(others)] = True
        return PoseInputs(
            energy=np.array(self.energy),
            near=near,
            confidence=np.array(self.confidence) if self.confidence else None,
            atoms=self.atoms,
            contacts=np.array(self.contacts) if self.contacts else None,
            recurrence=Recurrence(*np.array(self.recurrence).T) if self.recurrence else None,
        )

    def order(self, score: np.ndarray) -> np.ndarray:
        """Indices of the poses, ranked by a score (poses,), higher is better."""
        return rank_order(score, np.array(self.stereo_kept))


def dock_rows(
    engine: Engine,
    cases: Cases,
    settings: DockingSettings,
    physics: PhysicsSettings,
    path: Path,
    *,
    members: Mapping[str, int] | None = None,
    on_row: Callable[[PoseRow, int, int], None] | None = None,
) -> list[PoseRow]:
    """Rows of all complexes in the order of their ids; rows in the file are kept.

    Args:
        engine: the networks.
        cases: complexes with crystal poses, from their files.
        settings: how to sample.
        physics: how to minimise.
        path: JSON lines, started anew for other networks or settings.
        members: by id, the member of the contact score that was not fitted to the complex; None uses all.
        on_row: called with each row, how many are done, and of how many.
    """
    sampling = asdict(settings)
    sampling.pop("batch_size")  # changes time and memory, not the poses
    header = {
        "weights": weights_sha256(engine.models),
        "sampling": json.loads(json.dumps(sampling, default=str)),
        "minimize": physics.minimize,
        "moves": physics.moves,
    }
    if members is not None:
        header["contacts"] = "of the member that did not see the complex"
    if physics.restarts:
        header["restarts"] = physics.restarts
    if physics.search != "pairs":
        header["search"] = [physics.search, physics.basins, physics.apart]
        header["scatter"] = physics.scatter
    if physics.finalists:
        header["finals"] = [physics.finalists, physics.final_moves]
    file = RowFile(path, header, PoseRow)
    for number, name in enumerate(cases.ids, start=1):
        if name not in file.rows:
            try:
                file.add(_row(engine, cases, name, settings, physics, (members or {}).get(name)))
            except DiscoError as error:
                file.add(PoseRow(id=name, error=str(error)))
        if on_row is not None:
            on_row(file.rows[name], number, len(cases.ids))
    return [file.rows[name] for name in cases.ids]


def _row(
    engine: Engine, cases: Cases, name: str, settings: DockingSettings, physics: PhysicsSettings, member: int | None
) -> PoseRow:
    case = cases.load(name)
    if case.receptor is None:
        raise ConfigError(f"{name}: shards hold no receptor atoms, which physics needs; give the files")
    check_side_chains(name, case.receptor)
    scorer = engine.models.contacts
    scorer = scorer if scorer is None or member is None else scorer.member(member)
    receptor = ReceptorFields(receptor=case.receptor)
    target = Target(receptor=receptor, ligand=case.ligand, graph=case.graph, stream=name)
    samples = sample_and_refine(engine, target, settings, physics, contacts=scorer, with_strain=False)
    refined = samples.refined
    docked = after_physics(engine, case.graph, samples.docked, refined)
    facts = pose_inputs(case.ligand, docked.pos, refined, docked.confidence)
    others = facts.near & ~np.eye(len(facts.near), dtype=bool)
    return PoseRow(
        id=name,
        atoms=facts.atoms,
        rmsd=_rounded(symmetric_rmsd(case.ligand.mol, docked.pos, case.crystal)),
        energy=_rounded(facts.energy),
        confidence=() if facts.confidence is None else _rounded(facts.confidence),
        contacts=() if facts.contacts is None else _rounded(facts.contacts),
        stereo_kept=tuple(map(bool, stereo_kept_each(case.ligand.mol, docked.pos))),
        near=tuple(tuple(np.flatnonzero(one).tolist()) for one in others),
        recurrence=() if facts.recurrence is None else tuple(map(_rounded, np.stack(facts.recurrence, 1))),
    )


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
