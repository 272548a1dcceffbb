"""The work of a worker: load checkpoint and receptor once, then dock ligands, alone or several at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from disco_dock.chem.ligand_states import ligand_states
from disco_dock.docking.best_state import state_order
from disco_dock.docking.engine import Engine, docking_settings, load_engine
from disco_dock.docking.judging import check_physics
from disco_dock.docking.predict import predict_prepared
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.prepare import prepare_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.runs.input_files import file_hash, settings_files
from disco_dock.interactions.fingerprint import meets
from disco_dock.runtime.errors import ConfigError, DiscoError, InputError
from disco_dock.sampling.network_batch import ReceptorStates
from disco_dock.sampling.sample import DockedPoses
from disco_dock.screening.ledger.coordinates import digest, pack
from disco_dock.screening.ledger.identity import ScreenSettings, StoreIdentity
from disco_dock.screening.ledger.schema import STORED_POSE_COLUMNS
from disco_dock.screening.library.entries import canonical_ligand
from disco_dock.screening.messages import Docked, Failed, Failure, Outcome, Work
from disco_dock.screening.plan import BUCKET_ATOMS
from disco_dock.screening.workers.base import DocksLigands
from disco_dock.screening.workers.batching import batch_policy
from disco_dock.screening.workers.group_docker import OUT_OF_MEMORY, GroupDocker, PreparedLigand, Sampled
from disco_dock.screening.workers.sampling_rounds import RoundSampler, StopRule


@dataclass(frozen=True, kw_only=True)
class DockerPlan:
    """Everything that a worker needs to start; plain data that can be sent to another machine.

    Attributes:
        settings: how every ligand is docked.
        protein: receptor file, which every machine must see.
        checkpoint: folder, or None for the one of the package.
        device: "auto", "cpu", "cuda", ...
        identity: hashes that the files must have on the worker's machine.
    """

    settings: ScreenSettings
    protein: Path
    checkpoint: Path | None
    device: str
    identity: StoreIdentity

    def __call__(self) -> DocksLigands:
        """The loaded docker.

        Raises:
            DiscoError: a file is absent or another one here, or a setting has no effect.
        """
        if file_hash(self.protein) != self.identity.protein:
            raise InputError(f"{self.protein}: changed while the run was on; put the file back and run it again")
        if settings_files(self.settings.predict) != self.identity.files:
            raise InputError("a file of the pocket or the embeddings changed while the run was on; put it back")
        engine = load_engine(self.checkpoint, self.device)
        if engine.models.sha256 != self.identity.checkpoint:
            where = self.checkpoint or "the bundled checkpoint"
            raise InputError(f"{where}: is another checkpoint on this machine; install the same one everywhere")
        return LigandDocker(engine, self.settings, self.protein)


def check_screen(engine: Engine, settings: ScreenSettings) -> None:
    """Refuse settings that have no effect on a checkpoint.

    Raises:
        ConfigError: with the setting.
    """
    docking_settings(engine.models, settings.predict, None)
    check_physics(settings.predict.physics, engine.models)
    if settings.stop_when_converged and engine.models.confidence is None:
        raise ConfigError("--stop-when-converged needs a checkpoint with a confidence model; leave it out")


class LigandDocker:
    """Docks ligands into one receptor; a ligand gives the same poses whatever is docked before or with it."""

    def __init__(self, engine: Engine, settings: ScreenSettings, protein: Path) -> None:
        """Read the receptor.

        Raises:
            DiscoError: it cannot be used, or a setting has no effect.
        """
        check_screen(engine, settings)
        self._engine, self._settings, self._protein = engine, settings, protein
        self._rule = StopRule(converged=settings.stop_when_converged, seconds=settings.time_budget)
        self._store = ReceptorStore(settings.predict, engine.models.config.lm_dim, [protein])
        self._store.get(protein)
        self._states: ReceptorStates = {}
        self._batching = batch_policy(settings, engine.device.type)
        self._groups = GroupDocker(engine, self._batching, self._states)
        self._fitting: dict[int, int] = {}  # batch size that fitted by bucket, where it is smaller than asked for

    @property
    def together(self) -> int:
        """Most ligands of one network batch."""
        return 1 if self._each_alone else self._batching.ligands

    @property
    def _each_alone(self) -> bool:
        """Whether ligands have several states or starts of their own, which no batch can share."""
        return self._settings.predict.protonate is not None or self._settings.predict.core is not None

    def __call__(self, works: Sequence[Work]) -> Iterator[Outcome]:
        """The kept poses of each ligand, or why there are none."""
        if self._each_alone:
            yield from map(self._best_state, works)
            return
        ready: list[PreparedLigand] = []
        for work in works:
            made = self._prepared(work)
            if isinstance(made, PreparedLigand):
                ready.append(made)
            else:
                yield made
        for group in self._groups.groups(ready):
            if len(group) == 1 and not self._batching.places:
                yield self._alone(group[0])
                continue
            for sampled in self._groups.sample(group):
                yield self._finished(sampled)

    def _best_state(self, work: Work) -> Outcome:
        """A ligand in the best of its states, each docked alone."""
        begin = time.perf_counter()
        try:
            ligand = canonical_ligand(work.smiles, work.name)
            states = ligand_states(ligand, protonate=self._settings.predict.protonate)
        except DiscoError as error:
            return _failed(work, error, time.perf_counter() - begin)
        smiles = [state.smiles for state in states]
        outcomes = [self._in_state(replace(work, smiles=text)) for text in smiles]
        docked = [(text, one) for text, one in zip(smiles, outcomes, strict=True) if isinstance(one, Docked)]
        if not docked:
            return outcomes[0]
        text, best = min(docked, key=lambda one: _order(one[1]))
        seconds = {**best.seconds, "total": round(time.perf_counter() - begin, 3)}
        several = len(states) if self._settings.predict.protonate is not None else None
        return replace(best, state=None if text == work.smiles else text, states=several, seconds=seconds)

    def _in_state(self, work: Work) -> Outcome:
        ready = self._prepared(work)
        return self._alone(ready) if isinstance(ready, PreparedLigand) else ready

    def _prepared(self, work: Work) -> PreparedLigand | Failed:
        """A ligand, prepared for the networks."""
        begin = time.perf_counter()
        try:
            ligand = canonical_ligand(work.smiles, work.name)
            made = prepare_complex(self._engine, self._settings.predict, self._store, self._protein, ligand)
        except (DiscoError, *OUT_OF_MEMORY) as error:
            return _failed(work, error, time.perf_counter() - begin)
        return PreparedLigand(work=work, complex=made, seconds=time.perf_counter() - begin)

    def _alone(self, ready: PreparedLigand) -> Outcome:
        """A ligand with its own network batches, which a stop rule may end early."""
        settings, bucket = self._settings.predict, ready.work.heavy_atoms // BUCKET_ATOMS
        smaller = min((size for known, size in self._fitting.items() if known <= bucket), default=settings.batch_size)
        dock = partial(self._engine.dock, states=self._states)
        sampler = RoundSampler(dock, ready.complex.ligand.mol, self._rule)
        fitting = replace(ready.complex, sampling=replace(ready.complex.sampling, batch_size=smaller))
        outcome = self._predicted(replace(ready, complex=fitting), replace(self._engine, dock=sampler))
        if sampler.fitted and sampler.fitted < min(smaller, settings.num_poses):
            self._fitting[bucket] = sampler.fitted
        return replace(outcome, converged=sampler.converged) if isinstance(outcome, Docked) else outcome

    def _finished(self, sampled: Sampled) -> Outcome:
        """A ligand after a network batch that it shared."""
        ready, docked = replace(sampled.ready, seconds=sampled.ready.seconds + sampled.seconds), sampled.docked
        if isinstance(docked, OUT_OF_MEMORY) and not self._batching.places:  # all poses of one ligand: try fewer
            return self._alone(ready)
        if isinstance(docked, Exception):
            return _failed(ready.work, docked, ready.seconds)
        ready.complex.clock.add("docking", sampled.seconds)
        return self._predicted(ready, self._engine, docked)

    def _predicted(self, ready: PreparedLigand, engine: Engine, docked: DockedPoses | None = None) -> Outcome:
        """A ligand from sampling on, or from its sampled poses on."""
        begin, work = time.perf_counter(), ready.work
        try:
            prediction = predict_prepared(engine, self._settings.predict, ready.complex, name=work.name, docked=docked)
        except (DiscoError, *OUT_OF_MEMORY) as error:
            return _failed(work, error, ready.seconds + time.perf_counter() - begin)
        return self._kept(work, prediction, ready.seconds + time.perf_counter() - begin)

    def _kept(self, work: Work, prediction: Prediction, seconds: float) -> Docked:
        """What the ledger keeps of a prediction: of poses with the wanted interactions, or of all if none has them."""
        require, exclude, count = self._settings.require, self._settings.exclude, self._settings.keep
        pairs = list(zip(prediction.ranked, prediction.table, strict=True))
        met = [(pose, row) for pose, row in pairs if meets((row["interactions"] or "").split(), require, exclude)]
        kept = (met or pairs)[:count]
        pos = np.stack([pose.pos for pose, _ in kept])
        rows = [{**row, "rank": rank} for rank, (_, row) in enumerate(kept, start=1)]
        return Docked(
            id=work.id,
            num_poses=prediction.draws,
            converged=False,
            poses=tuple({column: row[column] for column in STORED_POSE_COLUMNS} for row in rows),
            coordinates=pack(pos),
            digest=digest(pos),
            meeting=len(met) if require or exclude else None,
            seconds={**prediction.timings, "total": round(seconds, 3)},
        )


def _order(outcome: Docked) -> tuple[bool, float, float]:
    return outcome.meeting == 0, *state_order(outcome.poses[0]["vina_score"], outcome.poses[0]["confidence"])


NO_ROOM = Failure(
    code="memory",
    message="a single pose does not fit into memory",
    hint="use a device with more memory, or --chains to keep less of the protein",
)


def _failed(work: Work, error: Exception, seconds: float) -> Failed:
    failure = Failure.of(error) if isinstance(error, DiscoError) else NO_ROOM
    return Failed(id=work.id, failure=failure, seconds=seconds)
