"""Docking from Python in one call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_states import ligand_states
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.stereo_isomers import stereo_isomers
from disco_dock.docking.best_state import kept_state
from disco_dock.docking.engine import Engine, load_engine
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.runs.names import complex_name
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings


@lru_cache(maxsize=2)
def shared_engine(checkpoint: Path | None, device: str) -> Engine:
    """Loaded once per checkpoint and device, so that a loop over ligands does not load it again."""
    return load_engine(checkpoint, device)


def dock(
    protein: str | Path,
    ligand: str | Path | Ligand,
    *,
    num_poses: int = 40,
    steps: int = 20,
    seed: int = 0,
    batch_size: int = 10,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    pocket: PocketHint | None = None,
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
    chains: Sequence[str] | None = None,
    chains_within: float | None = None,
    largest_fragment: bool = False,
    template_smiles: str | None = None,
    embeddings: str | Path | None = None,
    latent_temperature: float | None = None,
    guidance_weight: float | None = None,
    guidance_interval: tuple[float, float] | None = None,
    ode: bool = False,
    physics: PhysicsSettings | None = None,
    check_poses: int | None = None,
    valid_only: bool = False,
    valid_budget: int | None = None,
    reference: str | Path | None = None,
    start_pose: str | Path | None = None,
    start_noise: float | None = None,
    protonate: float | None = None,
    min_rmsd: float | None = None,
    energy_range: float | None = None,
    num_modes: int | None = None,
    core: str | Path | None = None,
    core_tolerance: float = 1.0,
) -> Prediction:
    """Ranked poses of a ligand in a protein, the same as `disco-dock predict` writes.

    Args:
        protein: PDB or mmCIF file, also gzipped.
        ligand: file with one molecule, a SMILES string, or a molecule that was read.
        num_poses: poses to sample.
        steps: reverse diffusion steps.
        seed: random seed; the same seed gives the same poses at every batch size.
        batch_size: poses computed together.
        checkpoint: folder of a checkpoint; None for the one that comes with the package.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        pocket: where to dock; None searches the whole protein.
        keep: groups of the protein's file that are obstacles: names, places such as "A:NAP301", "all" or "none".
        drop: groups that are left out, likewise.
        chains: receptor chains to keep; None for all.
        chains_within: leave out chains farther than this (Angstrom) from the pocket's centre; None keeps all.
        largest_fragment: keep the largest fragment of a salt or mixture.
        template_smiles: SMILES that gives bond orders to a ligand read from PDB.
        embeddings: file of language-model features, for checkpoints that need them.
        latent_temperature: temperature of the prior over latents; None for the checkpoint's.
        guidance_weight: weight of guidance by the latents; None for the checkpoint's.
        guidance_interval: (low, high) diffusion times of guidance; None for the checkpoint's.
        ode: probability-flow ODE instead of the stochastic sampler.
        physics: Vina scores, minimisation and ranking by them; None for what the checkpoint says.
        check_poses: best-ranked poses that PoseBusters checks; None for all if it is installed.
        valid_only: draw other samples for those that are not valid.
        valid_budget: samples drawn at most for that; None for three times the poses.
        reference: file with a known pose of the ligand that the poses are compared with.
        start_pose: file with a pose, of the ligand or of a molecule with the same core, that the diffusion starts from.
        start_noise: diffusion time in (0, 1] that it is noised to; None for 0.5.
        core: file with a pose; the substructure that the ligand shares with it stays where it is.
        core_tolerance: Angstrom of RMSD that it may be off.
        protonate: pH at which each protonation state that is not rare is docked; None docks the ligand as given.
        min_rmsd: merge poses within so many Angstrom of a better one, and count them (`copies`); None merges none.
        energy_range: list poses up to so many kcal/mol of Vina score above the first-ranked one; None for all.
        num_modes: most poses that are listed; None for all.

    Returns:
        A `Prediction`, of the best state (by Vina score) where several are docked.
        `.poses` are RDKit molecules, best first; `.table` has a dictionary per pose; `.to_csv(path)`.

    Raises:
        DiscoError: with one sentence on what is wrong and what to do.
    """
    settings = PredictSettings(
        num_poses=num_poses,
        steps=steps,
        seed=seed,
        batch_size=batch_size,
        ode=ode,
        latent_temperature=latent_temperature,
        guidance_weight=guidance_weight,
        guidance_interval=guidance_interval,
        pocket=pocket,
        groups=GroupChoice(keep=tuple(keep), drop=tuple(drop)),
        chains=None if chains is None else tuple(chains),
        chains_within=chains_within,
        largest_fragment=largest_fragment,
        template_smiles=template_smiles,
        embeddings=None if embeddings is None else Path(embeddings),
        physics=PhysicsChoice() if physics is None else PhysicsChoice.exactly(physics),
        check_poses=check_poses,
        valid_only=valid_only,
        valid_budget=valid_budget,
        reference=None if reference is None else Path(reference),
        min_rmsd=min_rmsd,
        energy_range=energy_range,
        num_modes=num_modes,
        start_pose=None if start_pose is None else Path(start_pose),
        start_noise=start_noise,
        protonate=protonate,
        core=None if core is None else Path(core),
        core_tolerance=core_tolerance,
    )
    molecule = ligand if isinstance(ligand, Ligand) else _read(ligand, template_smiles, largest_fragment)
    engine = shared_engine(None if checkpoint is None else Path(checkpoint).resolve(), device)
    path = Path(protein)
    store = ReceptorStore(settings, engine.models.config.lm_dim, [path])
    states = ligand_states(molecule, protonate=protonate)
    found = [
        predict_complex(engine, settings, store, path, state, name=complex_name(path, state.name)) for state in states
    ]
    return kept_state(found)


def dock_isomers(protein: str | Path, ligand: str | Path, count: int, **options: Any) -> list[Prediction]:
    """Ranked poses of each configuration of a ligand with open centres or double bonds.

    The same as `disco-dock predict --stereo-isomers` writes.

    Args:
        protein: PDB or mmCIF file, also gzipped.
        ligand: file with one molecule, or a SMILES string.
        count: most configurations, at least 1.
        options: as of `dock`.

    Returns:
        One prediction for each of the `chem.stereo_isomers`; only one for a ligand whose stereo is given.

    Raises:
        TypeError: there is no such option.
        DiscoError: with one sentence on what is wrong and what to do.
    """
    molecule = _read(ligand, options.get("template_smiles"), options.get("largest_fragment", False))
    return [dock(protein, isomer, **options) for isomer in stereo_isomers(molecule, count)]


def _read(ligand: str | Path, template_smiles: str | None, largest_fragment: bool) -> Ligand:
    return read_ligand(str(ligand), template_smiles=template_smiles, largest_fragment=largest_fragment)
