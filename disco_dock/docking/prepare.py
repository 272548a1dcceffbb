"""A ligand and a receptor, made ready for the networks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rdkit import Chem

from disco_dock.chem.conformers import Conformer, embed
from disco_dock.chem.ligand import Ligand
from disco_dock.docking.binding_modes import latent_choice
from disco_dock.docking.core import CORE_NOISE, read_core
from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.judging import check_physics
from disco_dock.docking.receptors import PreparedReceptor, ReceptorStore
from disco_dock.docking.refinement import physics_for
from disco_dock.docking.sample_and_refine import Target
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.start_pose import read_starts
from disco_dock.graph.build import build_complex
from disco_dock.graph.schema import ComplexGraph
from disco_dock.interactions.reference import atom_maps, read_reference
from disco_dock.physics.core_hold import CoreHold
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.runtime.random import derive_seed
from disco_dock.sampling.sample import DockingSettings


class PhaseClock:
    """Seconds spent in named phases."""

    def __init__(self) -> None:
        """Start without any phase."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block under a name."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Count time under a name."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedComplex:
    """A ligand and a receptor, ready for the networks.

    Attributes:
        protein: receptor file.
        receptor: read and prepared.
        ligand: the molecule.
        conformer: that sampling starts from.
        graph: of both.
        sampling: how to sample.
        stream: key of the random numbers.
        physics: what is done with the poses.
        skipped_physics: why poses are not minimised, or "".
        clock: seconds so far.
        reference: a known pose to compare with, or None.
        start_note: what the diffusion starts from, or "" for noise.
        core: atoms that stay where a known pose has them, or None.
    """

    protein: Path
    receptor: PreparedReceptor
    ligand: Ligand
    conformer: Conformer
    graph: ComplexGraph
    sampling: DockingSettings
    stream: str
    physics: PhysicsSettings
    skipped_physics: str
    clock: PhaseClock
    reference: Chem.Mol | None = None
    start_note: str = ""
    core: CoreHold | None = None

    @property
    def target(self) -> Target:
        """The same, for sampling and refinement."""
        pocket = self.receptor.pocket
        return Target(
            receptor=self.receptor,
            ligand=self.ligand,
            graph=self.graph,
            stream=self.stream,
            sphere=None if pocket is None else pocket.sphere(),
            core=self.core,
        )


def prepare_complex(
    engine: Engine, settings: PredictSettings, store: ReceptorStore, protein: Path, ligand: Ligand
) -> PreparedComplex:
    """Everything before the networks; arguments and errors as of `predict_complex`."""
    physics = check_physics(settings.physics_asked, engine.models)
    clock = PhaseClock()
    with clock.phase("receptor"):
        prepared = store.get(protein)
    physics, skipped = physics_for(prepared.receptor, physics, requested=settings.physics.requested)
    reference = None if settings.reference is None else read_reference(Path(settings.reference))
    if reference is None and ligand.pos is not None and Path(ligand.source) == protein:  # where it was in the file
        reference = ligand.mol
    if reference is not None:
        atom_maps(ligand.mol, reference)  # before any work, that it is the same molecule
    starts = core = None
    if settings.core is not None:
        core, starts = read_core(Path(settings.core), ligand, tolerance=settings.core_tolerance, seed=settings.seed)
    if settings.start_pose is not None:
        starts = read_starts(Path(settings.start_pose), ligand, seed=settings.seed)
    with clock.phase("conformer"):
        conformer = embed(ligand.mol, seed=derive_seed("conformer", settings.seed, ligand.smiles))
    with clock.phase("graph"):
        config = engine.models.config
        graph = build_complex(
            prepared.receptor,
            ligand,
            conformer.pos,
            prepared.embeddings,
            atom_graph=config.atom_graph,
            all_atoms=config.expert is not None,
        )
        pocket = prepared.pocket
        restraint = None if pocket is None else pocket.restraint(graph.origin)
        sampling = docking_settings(engine.models, settings, restraint)
        if settings.choose_latents:
            latents = engine.models.config.score.trunk.num_latents
            choice = latent_choice(settings, latents, ligand.mol, prepared.receptor)
            sampling = replace(sampling, choice=choice)
    if starts is not None:
        noise = CORE_NOISE if settings.start_noise is None and core is not None else settings.start_noise
        sampling = replace(sampling, start=starts.in_graph(graph.origin, noise))
    return PreparedComplex(
        protein=protein,
        receptor=prepared,
        ligand=ligand,
        conformer=conformer,
        graph=graph,
        sampling=sampling,
        stream=f"{ligand.smiles} in {prepared.key}",
        physics=physics,
        skipped_physics=skipped,
        clock=clock,
        reference=reference,
        start_note="" if starts is None else starts.note,
        core=core,
    )
