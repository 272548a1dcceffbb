"""What a worker does: loads a checkpoint and a receptor once, then docks one ligand after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from disco_dock.pipeline.engine import Engine, docking_settings, load_engine
from disco_dock.pipeline.input_files import file_hash, settings_files
from disco_dock.pipeline.judging import check_physics
from disco_dock.pipeline.predict import predict_complex
from disco_dock.pipeline.prediction import Prediction
from disco_dock.pipeline.receptor_store import ReceptorStore
from disco_dock.runtime.errors import ConfigError, DiscoError, InputError
from disco_dock.sampling.docking import CPU_GROUP, ReceptorStates
from disco_dock.screening.coordinates import digest, pack
from disco_dock.screening.engines import DockLigand
from disco_dock.screening.entries import canonical_ligand
from disco_dock.screening.identity import ScreenSettings, StoreIdentity
from disco_dock.screening.plan import BUCKET_ATOMS
from disco_dock.screening.rows import Docked, Failed, Failure, Outcome, Work
from disco_dock.screening.sampling_rounds import RoundSampler, StopRule
from disco_dock.screening.schema import POSE_COLUMNS


@dataclass(frozen=True, kw_only=True)
class DockerPlan:
    """What a worker needs to become one; plain data that can be sent to another machine.

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

    def __call__(self) -> DockLigand:
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
    """Docks ligands into one receptor; the same ligand gives the same poses whatever came before it."""

    def __init__(self, engine: Engine, settings: ScreenSettings, protein: Path) -> None:
        """Read the receptor.

        Raises:
            DiscoError: it cannot be used, or a setting has no effect.
        """
        check_screen(engine, settings)
        self._engine, self._settings, self._protein = engine, settings, protein
        self._rule = StopRule(converged=settings.stop_when_converged, seconds=settings.time_budget)
        self._group = CPU_GROUP if engine.device.type == "cpu" else None
        self._store = ReceptorStore(settings.predict, engine.models.config.lm_dim, [protein])
        self._store.get(protein)
        self._states: ReceptorStates = {}
        self._fitting: dict[int, int] = {}  # batch size that fitted by bucket, where it is smaller than asked for

    def __call__(self, work: Work) -> Outcome:
        """The kept poses of a ligand, or why there are none."""
        begin = time.perf_counter()
        bucket = work.heavy_atoms // BUCKET_ATOMS
        try:
            ligand = canonical_ligand(work.smiles, work.name)
            dock = partial(self._engine.dock, states=self._states)
            sampler = RoundSampler(dock, ligand.mol, self._rule, group=self._group)
            settings = self._settings.predict
            smaller = min((size for known, size in self._fitting.items() if known <= bucket), default=None)
            if smaller is not None:
                settings = replace(settings, batch_size=smaller)
            prediction = predict_complex(
                replace(self._engine, dock=sampler), settings, self._store, self._protein, ligand, name=work.name
            )
        except DiscoError as error:
            return Failed(id=work.id, failure=Failure.of(error), seconds=time.perf_counter() - begin)
        except (MemoryError, torch.OutOfMemoryError):
            return Failed(id=work.id, failure=OUT_OF_MEMORY, seconds=time.perf_counter() - begin)
        if sampler.fitted < min(settings.batch_size, settings.num_poses):
            self._fitting[bucket] = sampler.fitted
        return self._kept(work, prediction, sampler.converged, time.perf_counter() - begin)

    def _kept(self, work: Work, prediction: Prediction, converged: bool, seconds: float) -> Docked:
        """What the ledger keeps of a prediction."""
        pos = np.stack([pose.pos for pose in prediction.ranked[: self._settings.keep]])
        rows = prediction.table[: len(pos)]
        return Docked(
            id=work.id,
            num_poses=len(prediction.ranked),
            converged=converged,
            poses=tuple({column: row[column] for column in POSE_COLUMNS} for row in rows),
            coordinates=pack(pos),
            digest=digest(pos),
            seconds={**prediction.timings, "total": round(seconds, 3)},
        )


OUT_OF_MEMORY = Failure(
    code="memory",
    message="a single pose does not fit into memory",
    hint="use a device with more memory, or --chains to keep less of the protein",
)
