"""What a user asks for: the settings of a docking run and the pocket hint, checked before any work."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.state_limits import check_ph
from disco_dock.physics.settings import PhysicsChoice
from disco_dock.runtime.errors import ConfigError

FREE_LATENT = "any"  # lets the prior choose this latent
ARGMAX_INVERSE_TEMPERATURE = 1e4  # stands for a latent temperature of zero; 100 and above means argmax to the sampler


BUDGET_FACTOR = 3  # draws per pose with --valid-only


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, kw_only=True)
class PocketHint:
    """Where to dock, given in exactly one of four ways.

    Attributes:
        center: x, y, z in Angstrom in the receptor's frame.
        ligand: file with coordinates of what sits in the pocket, in the receptor's frame, or a residue or group of the
            receptor's file, such as "A:STI201".
        residues: residues that line the pocket, such as "A:57" or "A:ASP189".
        box: configuration file of AutoDock Vina or gnina with center_x .. size_z (or autobox_ligand).
        radius: largest distance of the ligand's centroid from the pocket centre in Angstrom; None = from the hint.
    """

    center: tuple[float, float, float] | None = None
    ligand: str | Path | None = None
    residues: tuple[str, ...] = ()
    box: str | Path | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        """Check that one kind of hint is given and the numbers make sense."""
        given = [self.center is not None, self.ligand is not None, bool(self.residues), self.box is not None]
        _require(
            sum(given) == 1,
            f"a pocket is given by a center, a ligand, residues or a box, exactly one of them, not {sum(given)}",
        )
        _require(self.box is None or self.radius is None, "a pocket box has its own size; leave out the pocket radius")
        _require(
            self.center is None or all(map(math.isfinite, self.center)),
            "the pocket center must be three finite numbers",
        )
        _require(
            self.radius is None or (math.isfinite(self.radius) and self.radius > 0),
            f"the pocket radius must be a positive number of Angstrom, not {self.radius}",
        )


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """Settings of a docking run; None means "as the checkpoint says".

    Attributes:
        num_poses: poses sampled for each complex.
        steps: reverse diffusion steps.
        seed: random seed, 0 or larger; pose k of a seed does not depend on `num_poses` or `batch_size`.
        batch_size: poses computed together; changes time and memory, not the poses.
        ode: probability-flow ODE instead of the stochastic sampler.
        latent_temperature: temperature of the prior over latents; 0 takes the most probable ones.
        guidance_weight: w of s + w (s - s_null).
        guidance_interval: (low, high) diffusion times between which guidance acts.
        modes: spread the poses over this many of the prior's most probable latents; 0 draws them from the prior.
        latents: names of the nodes that the first latents are forced to, "any" where the prior chooses.
        avoid_latents: names of nodes that no latent may point at.
        suggest_pockets: tell where in the receptor the prior's latents point.
        trajectory: keep the steps of the first-ranked pose.
        pocket: where to dock, or None for blind docking.
        chains: receptor chains to keep, or None for all.
        groups: which groups of the receptor's file are obstacles, beyond what they are by themselves.
        chains_within: keep only chains with an atom this close (Angstrom) to the pocket's centre, or None for all.
        largest_fragment: keep the largest fragment of a salt or mixture.
        template_smiles: SMILES that gives bond orders to a ligand read from PDB.
        embeddings: file of language-model features of the receptor's residues, or None.
        physics: scores, minimisation and ranking by physics, on top of what the checkpoint says.
        check_poses: best-ranked poses that PoseBusters checks, 0 for none; None for all if it is installed.
        valid_only: draw other samples for those that are not valid.
        valid_budget: samples drawn at most for that; None for three times the poses.
        reference: file with a known pose of the ligand that the poses are compared with, or None.
        start_pose: file with a pose in the receptor's frame, of the ligand or of a molecule with the same core, that
            the diffusion starts from; None for noise.
        start_noise: diffusion time in (0, 1] that it is noised to; None for 0.5, or 0.3 with a core.
        core: file with a pose of which the ligand keeps the common substructure in its place, or None.
        core_tolerance: Angstrom of RMSD within which it stays.
        protonate: pH at which each protonation state of the ligand is docked, or None for the ligand as given.
        min_rmsd: poses within so many Angstrom of a better one are merged with it (`copies`); None merges none.
        energy_range: poses are listed up to so many kcal/mol of Vina score above the first-ranked one; None for all.
        num_modes: most poses that are listed; None for all.
    """

    num_poses: int = 40
    steps: int = 20
    seed: int = 0
    batch_size: int = 10
    ode: bool = False
    latent_temperature: float | None = None
    guidance_weight: float | None = None
    guidance_interval: tuple[float, float] | None = None
    modes: int = 0
    latents: tuple[str, ...] = ()
    avoid_latents: tuple[str, ...] = ()
    suggest_pockets: bool = False
    trajectory: bool = False
    pocket: PocketHint | None = None
    groups: GroupChoice = GroupChoice()
    chains: tuple[str, ...] | None = None
    chains_within: float | None = None
    largest_fragment: bool = False
    template_smiles: str | None = None
    embeddings: str | Path | None = None
    physics: PhysicsChoice = PhysicsChoice()
    check_poses: int | None = None
    valid_only: bool = False
    valid_budget: int | None = None
    reference: str | Path | None = None
    start_pose: str | Path | None = None
    start_noise: float | None = None
    core: str | Path | None = None
    core_tolerance: float = 1.0
    protonate: float | None = None
    min_rmsd: float | None = None
    energy_range: float | None = None
    num_modes: int | None = None

    def __post_init__(self) -> None:
        """Check every number against its allowed range."""
        _require(self.num_poses >= 1, f"the number of poses must be at least 1, not {self.num_poses}")
        _require(self.steps >= 1, f"the number of steps must be at least 1, not {self.steps}")
        _require(0 <= self.seed < 2**63, f"the seed must be between 0 and 2^63 - 1, not {self.seed}")
        _require(self.batch_size >= 1, f"the batch size must be at least 1, not {self.batch_size}")
        _require(self.modes >= 0, f"the number of modes must not be negative, it is {self.modes}")
        temperature, weight = self.latent_temperature, self.guidance_weight
        _require(
            temperature is None or (math.isfinite(temperature) and temperature >= 0),
            f"the latent temperature must be 0 or larger, not {temperature}",
        )
        _require(weight is None or math.isfinite(weight), f"the guidance weight must be a finite number, not {weight}")
        if self.guidance_interval is not None:
            low, high = self.guidance_interval
            _require(0 <= low < high <= 1, f"the guidance interval must satisfy 0 <= low < high <= 1, not {low},{high}")
        _require(self.chains is None or all(self.chains), "a chain name is empty")
        within = self.chains_within
        _require(
            within is None or (math.isfinite(within) and within > 0),
            f"the distance of the chains to keep must be a positive number of Angstrom, not {within}",
        )
        _require(
            within is None or self.pocket is not None,
            "chains can be kept by distance from a pocket only; give a pocket too",
        )
        start = self.start_noise
        _require(
            start is None or 0 < start <= 1,
            f"the noise of the start pose is a time above 0 and at most 1, not {start}",
        )
        _require(
            start is None or self.start_pose is not None or self.core is not None,
            "the noise of a start pose has no effect without one; give it",
        )
        _require(
            self.core is None or self.start_pose is None,
            "poses start on the core that is held; leave out the start pose or the core",
        )
        _require(
            math.isfinite(self.core_tolerance) and self.core_tolerance > 0,
            f"the tolerance of the core must be a positive number of Angstrom, not {self.core_tolerance}",
        )
        apart, span, modes = self.min_rmsd, self.energy_range, self.num_modes
        _require(
            apart is None or (math.isfinite(apart) and apart > 0),
            f"the RMSD within which poses are merged must be a positive number of Angstrom, not {apart}",
        )
        _require(
            span is None or (math.isfinite(span) and span >= 0),
            f"the energy range must be a number of kcal/mol, 0 or larger, not {span}",
        )
        _require(modes is None or modes >= 1, f"at least 1 pose must be listed, not {modes}")
        checked, budget = self.check_poses, self.valid_budget
        _require(checked is None or checked >= 0, f"the number of poses to check must not be negative, it is {checked}")
        _require(
            checked is None or not self.valid_only,
            "every draw is checked where only valid poses are wanted; leave out the number of poses to check",
        )
        _require(budget is None or self.valid_only, "a budget of draws has no effect without asking for valid poses")
        _require(
            budget is None or budget >= self.num_poses,
            f"the budget of draws must be at least the number of poses ({self.num_poses}), not {budget}",
        )
        if self.protonate is not None:
            check_ph(self.protonate)

    @property
    def lists_all(self) -> bool:
        """Whether every pose is listed."""
        return self.min_rmsd is None and self.energy_range is None and self.num_modes is None

    @property
    def draw_budget(self) -> int:
        """Most samples that are drawn."""
        if not self.valid_only:
            return self.num_poses
        return BUDGET_FACTOR * self.num_poses if self.valid_budget is None else self.valid_budget

    @property
    def physics_asked(self) -> PhysicsChoice:
        """What is asked of physics; from a start pose, searches from elsewhere only where they are asked for."""
        return self.physics if self.start_pose is None and self.core is None else self.physics.nearby()

    @property
    def latent_inverse_temperature(self) -> float | None:
        """Inverse of the latent temperature (a large number for 0), or None."""
        if self.latent_temperature is None:
            return None
        return (
            min(1 / self.latent_temperature, ARGMAX_INVERSE_TEMPERATURE)
            if self.latent_temperature
            else (ARGMAX_INVERSE_TEMPERATURE)
        )

    def as_dict(self) -> dict[str, Any]:
        """All settings as JSON-ready values."""
        return _json_ready(asdict(self))

    def result_dict(self) -> dict[str, Any]:
        """The settings that change the poses: all but the batch size and what is written or checked beside them."""
        beside = ("batch_size", "trajectory", "check_poses")
        return {key: value for key, value in self.as_dict().items() if key not in beside}

    @property
    def choose_latents(self) -> bool:
        """Whether anything is asked of the latents that needs a prior."""
        return bool(self.modes or self.latents or self.avoid_latents or self.suggest_pockets)


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_json_ready(item) for item in value]
    return str(value) if isinstance(value, Path) else value
