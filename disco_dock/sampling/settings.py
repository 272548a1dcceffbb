"""How poses are sampled."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.sampling.initial import StartPoses
from disco_dock.sampling.latent_choice import LatentChoice
from disco_dock.sampling.restraint import Restraint


@dataclass(frozen=True, kw_only=True)
class DockingSettings:
    """How to sample.

    Attributes:
        num_poses: samples.
        first: number of the first of them; pose k is the same whatever is drawn before it.
        seed: of the run.
        batch_size: poses that are advanced together on an accelerator; a CPU takes groups of 8.
        sampler: steps and temperatures.
        latent_inverse_temperature: factor on the prior's logits.
        guidance: latent guidance.
        pocket: restraint in the graph's frame, or None for blind docking.
        codes: (num_poses, latents) int64 node indices, or numbers of continuous latents, that replace the prior's
            draws, or None.
        choice: which latents are forced, avoided or enumerated.
        expert_sampler: steps and temperatures of the checkpoint's pose expert; the checkpoint's own when None.
        handover: Angstrom of translation noise at which the expert takes over; the checkpoint's own when None.
        record: keep the poses of every step.
        start: poses that sampling starts from in place of noise, or None.
    """

    num_poses: int = 40
    first: int = 0
    seed: int = 0
    batch_size: int = 10
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    latent_inverse_temperature: float = 1.0
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    pocket: Restraint | None = None
    codes: np.ndarray | None = None
    choice: LatentChoice = field(default_factory=LatentChoice)
    expert_sampler: SamplerConfig | None = None
    handover: float | None = None
    record: bool = False
    start: StartPoses | None = None
