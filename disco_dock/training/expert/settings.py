"""Settings of the pose expert's stage."""

from __future__ import annotations

from dataclasses import dataclass

from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertTraining:
    """How a pose expert is trained, besides the settings that all stages share.

    Attributes:
        clusters: CSV file with the columns id and cluster: complexes are drawn by one over the square root of their
            cluster's size. Empty to draw them evenly.
        fragments: shards of protein pieces as ligands (`disco-dock data fragments`), drawn evenly, or "" for none.
        fragment_share: of the complexes of a step that are such pieces.
        handover: Angstrom, noise of the translation at which sampling goes from the score model to the expert.
        max_sigma_tr: Angstrom, largest noise of the translation in training.
        tr_share: smallest and largest time of the translation's noise, where rotation and torsions have time 1; times
            are those of `noise`. The ratio of the noises is drawn anew for each pose, so that every way from noise to
            pose can be sampled afterwards.
        tor_spread: largest difference of the torsions' time from the rotation's.
        hidden_residues: share of residues whose type is hidden, against learning proteins by heart.
        jitter: Angstrom, largest standard deviation of noise on the receptor's atoms, drawn evenly from 0 up.
        field_weight: of the error of the atoms' displacements.
        torsion_weight: of the torsions' error, where translation and rotation count 1.
    """

    clusters: str = ""
    fragments: str = ""
    fragment_share: float = 0.3
    handover: float = 3.5
    max_sigma_tr: float = 6.5
    tr_share: tuple[float, float] = (0.5, 1.1)
    tor_spread: float = 0.15
    hidden_residues: float = 0.1
    jitter: float = 0.2
    field_weight: float = 0.33
    torsion_weight: float = 1.0

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 <= self.hidden_residues < 1:
            raise ConfigError(f"expert.hidden_residues must be in [0, 1), got {self.hidden_residues}")
        if not 0 < self.fragment_share < 1:
            raise ConfigError(f"expert.fragment_share must be between 0 and 1, got {self.fragment_share}")
        low, high = self.tr_share
        if not (0 < low <= high and self.max_sigma_tr > 0):
            raise ConfigError(
                "expert.max_sigma_tr must be positive and expert.tr_share two increasing positive numbers"
            )
        for name in ("handover", "jitter", "tor_spread", "field_weight", "torsion_weight"):
            if getattr(self, name) < 0:
                raise ConfigError(f"expert.{name} must not be negative, got {getattr(self, name)}")
