"""Settings of the reverse process."""

from __future__ import annotations

from dataclasses import dataclass, field

from disco_dock.runtime.errors import ConfigError

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class LowTemperature:
    """Per-component low-temperature sampling, each a (tr, rot, tor) triple.

    Attributes:
        sampling: T; 1 is the plain reverse process, above 1 is *lower* temperature.
        psi: share of the extra Langevin noise.
        sigma_data: position c of sigma_data = sigma_max^c sigma_min^(1-c).

    Source: DiffDock-PP (arXiv:2304.03889) and the published DiffDock code.
    """

    sampling: Triple = (1.0, 1.0, 1.0)
    psi: Triple = (0.0, 0.0, 0.0)
    sigma_data: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.sampling) <= 0:
            raise ConfigError(f"temperature.sampling must be positive, got {self.sampling}")
        if min(self.psi) < 0:
            raise ConfigError(f"temperature.psi must not be negative, got {self.psi}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerConfig:
    """Number of steps, SDE or ODE, integrator and temperatures.

    Attributes:
        steps: score evaluations.
        ode: probability-flow ODE instead of the SDE; temperatures then do not act.
        integrator: ``euler`` (published), or ``exponential``, which is exact for steps of any size where the clean pose
            that the score points at does not move; it keeps steps stable when they are few.
        final_noise: whether the last step adds noise too.
        rot_variance: variance per axis that the rotation process adds, in units of sigma_rot squared. The published
            samplers use 1, although their IGSO(3) kernel has 2; 2 makes the reverse process that of the kernel.
        temperature: see `LowTemperature`.
    """

    steps: int = 20
    ode: bool = False
    integrator: str = "euler"
    final_noise: bool = False
    rot_variance: float = 1.0
    temperature: LowTemperature = field(default_factory=LowTemperature)

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.steps < 1:
            raise ConfigError(f"sampler.steps must be at least 1, got {self.steps}")
        if self.integrator not in ("euler", "exponential"):
            raise ConfigError(f"sampler.integrator must be 'euler' or 'exponential', got {self.integrator!r}")
        if self.rot_variance <= 0:
            raise ConfigError(f"sampler.rot_variance must be positive, got {self.rot_variance}")


PLAIN = SamplerConfig()
"""The published reverse process without low temperatures."""

EXACT = SamplerConfig(rot_variance=2.0)
"""The reverse process of the noise kernels, the default of checkpoints trained here."""

PUBLISHED_DISCO = SamplerConfig(
    temperature=LowTemperature(
        sampling=(1.546842681537956, 4.005218254154881, 3.6499018519649384),
        psi=(1.2685697872473618, 1.2760150490206228, 2.0625243924678136),
        sigma_data=(0.8456140350087653, 0.453446580767075, 0.3292199987743284),
    )
)
"""Constants of the published DisCo-DiffDock-S command."""

PUBLISHED_DIFFDOCK_S = SamplerConfig(
    temperature=LowTemperature(
        sampling=(1.886430780895051, 5.659562317960644, 2.8888668488630156),
        psi=(0.07085125444659945, 2.686505606141324, 4.089493860493927),
        sigma_data=(0.3617563913086843, 0.7437588205919711, 0.08897393057297842),
    )
)
"""Constants of the published DiffDock-S command."""

PUBLISHED_INVERSE_TEMPERATURE = 0.22313016014842982
"""exp(-1.5), the published multiplier on the prior's logits."""
