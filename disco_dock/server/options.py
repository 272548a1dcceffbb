"""What a client may ask of a job, checked before anything is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from disco_dock.chem.group_request import PLACE, GroupChoice
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.physics.settings import PhysicsChoice
from disco_dock.ranking.pose_scores import added, rankings
from disco_dock.runtime.errors import ConfigError

MAX_ISOMERS = 64
"""Most configurations of one ligand in a job."""

Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9:_.+-]+$")]


def _parts(value: Any) -> Any:
    """A text of values separated by commas or blanks as their list; a form field is text."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _check_ranking(rank_by: str | None) -> None:
    """Check that poses can be ranked by a score here; what the checkpoint has for it is checked where it is loaded.

    Raises:
        ConfigError: there is no such score, or its package is not installed.
    """
    if rank_by is not None and rank_by not in (known := rankings()):
        raise ConfigError(f"rank_by: must be {', '.join(known[:-1])} or {known[-1]}, not {rank_by}")
    score = None if rank_by is None else added(rank_by)
    if score is not None and score.check is not None:
        try:
            score.check()
        except ConfigError as error:
            raise ConfigError(f"rank_by: {error}") from error


class JobOptions(BaseModel):
    """Options of a job; what is left out is as in `disco-dock predict`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str | None = Field(
        default=None, max_length=80, description="Name of the job; made from the file names when absent."
    )
    num_poses: int = Field(default=40, ge=1, description="Poses for each ligand.")
    steps: int = Field(default=20, ge=1, le=200, description="Reverse diffusion steps.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="The same seed gives the same poses.")
    pocket_center: Annotated[tuple[float, float, float] | None, BeforeValidator(_parts)] = Field(
        default=None,
        description="Centre of the pocket in Angstrom in the protein's frame: `x,y,z`.",
        examples=["12.5,3.1,-8"],
    )
    pocket_residues: Annotated[tuple[Name, ...], BeforeValidator(_parts), Field(max_length=200)] = Field(
        default=(), description="Residues that line the pocket.", examples=["A:57,A:102"]
    )
    pocket_group: str | None = Field(
        default=None,
        max_length=32,
        pattern=f"^(?:{PLACE.pattern})$",
        description="Residue or group of the protein's file that sits in the pocket, such as a bound ligand.",
        examples=["A:STI201"],
    )
    pocket_radius: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Largest distance of the ligand's centroid from the pocket's centre in Angstrom.",
    )
    chains: Annotated[tuple[Name, ...], BeforeValidator(_parts), Field(max_length=100)] = Field(
        default=(), description="Chains of the protein to keep; all when absent.", examples=["A,B"]
    )
    keep: Annotated[tuple[Name, ...], BeforeValidator(_parts), Field(max_length=100)] = Field(
        default=(),
        description="Groups of the protein's file that are obstacles: names, places, `all` or `none`.",
        examples=["NAP,A:LIG401"],
    )
    drop: Annotated[tuple[Name, ...], BeforeValidator(_parts), Field(max_length=100)] = Field(
        default=(), description="Groups of the protein's file that are left out.", examples=["SO4"]
    )
    largest_fragment: bool = Field(default=False, description="Keep the largest fragment of a salt or mixture.")
    stereo_isomers: int = Field(
        default=0,
        ge=0,
        le=MAX_ISOMERS,
        description="Dock up to so many configurations of open centres and double bonds, each as a ligand of its own.",
    )
    protonate: float | None = Field(
        default=None, ge=0, le=14, description="Dock each protonation state that is not rare at this pH."
    )
    template_smiles: str | None = Field(
        default=None, min_length=1, max_length=2000, description="SMILES with the bond orders of a PDB ligand."
    )
    minimize: Literal["none", "vina", "mmff"] | None = Field(
        default=None, description="How poses are minimised; as the checkpoint says when absent."
    )
    search_moves: int | None = Field(
        default=None, ge=0, le=2000, description="Monte-Carlo steps around each pose with `minimize=vina`."
    )
    restarts: int | None = Field(
        default=None, ge=0, le=20, description="Further searches of each pose, from random orientations."
    )
    finalists: int | None = Field(
        default=None, ge=0, le=100, description="Places of lowest energy whose best pose is searched further."
    )
    rank_by: Name | None = Field(
        default=None,
        description=f"What poses are ranked by: {', '.join(rankings())}; as the checkpoint says when absent. `cnn` and "
        "`fused` need the extra `cnn` where the server runs.",
    )
    min_rmsd: float | None = Field(
        default=None, gt=0, le=100, description="Merge poses this near (Angstrom) to a better one with it."
    )
    energy_range: float | None = Field(
        default=None, ge=0, le=1000, description="List poses up to so many kcal/mol above the first-ranked one."
    )
    num_modes: int | None = Field(default=None, ge=1, description="Most poses to list; all when absent.")
    modes: int = Field(
        default=0, ge=0, le=64, description="Spread the poses over this many of the prior's likeliest latents."
    )
    suggest_pockets: bool = Field(default=False, description="Tell where the prior's latents point.")
    trajectory: bool = Field(
        default=False, description="Keep the diffusion of the first-ranked pose, for the report's movie."
    )
    report: bool = Field(default=True, description="Write report.html.")

    def settings(self, pocket_ligand: Path | None = None) -> PredictSettings:
        """The settings of the run.

        Args:
            pocket_ligand: uploaded molecule that sits in the pocket.

        Raises:
            ConfigError: options do not fit together, or what poses are ranked by cannot be computed here.
        """
        _check_ranking(self.rank_by)
        if self.pocket_group is not None and pocket_ligand is not None:
            raise ConfigError("pocket_group: a pocket_ligand is given too; give one of them")
        reference = self.pocket_group or pocket_ligand
        given = self.pocket_center is not None or bool(self.pocket_residues) or reference is not None
        if self.pocket_radius is not None and not given:
            raise ConfigError(
                "pocket_radius: needs pocket_center, pocket_residues, pocket_group or a pocket_ligand; give one of them"
            )
        pocket = (
            PocketHint(
                center=self.pocket_center,
                ligand=reference,
                residues=self.pocket_residues,
                radius=self.pocket_radius,
            )
            if given
            else None
        )
        return PredictSettings(
            num_poses=self.num_poses,
            steps=self.steps,
            seed=self.seed,
            modes=self.modes,
            suggest_pockets=self.suggest_pockets,
            trajectory=self.trajectory,
            pocket=pocket,
            groups=GroupChoice(keep=self.keep, drop=self.drop),
            chains=self.chains or None,
            largest_fragment=self.largest_fragment,
            template_smiles=self.template_smiles,
            protonate=self.protonate,
            min_rmsd=self.min_rmsd,
            energy_range=self.energy_range,
            num_modes=self.num_modes,
            physics=PhysicsChoice(
                minimize=self.minimize,
                moves=self.search_moves,
                restarts=self.restarts,
                finalists=self.finalists,
                rank_by=self.rank_by,
            ),
        )
