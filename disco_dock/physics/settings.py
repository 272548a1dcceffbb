"""What physics does with sampled poses: part of how a checkpoint's weights are best sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from disco_dock.runtime.errors import ConfigError

Ranking = Literal["confidence", "vina", "contacts", "consensus"]
MINIMIZERS, RANKINGS = ("none", "vina", "mmff"), get_args(Ranking)
ADDED_RANKINGS: list[str] = []
"""Names of the scores that `ranking.pose_scores` knows beyond `RANKINGS`."""
SEARCHES = ("pairs", "maps")
EFFORT = ("moves", "restarts", "scatter", "finalists", "search", "basins", "apart", "rings")
"""What a user can ask of the search."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhysicsSettings:
    """What physics does with sampled poses, before they are ranked.

    Attributes:
        minimize: "vina" (with Monte-Carlo search around each pose), "mmff" (MMFF94s in the fixed pocket) or "none".
        moves: Monte-Carlo steps for each pose, 0 to minimise only; for "vina".
        restarts: further searches of each pose, from random orientations and torsions at the place of the first; the
            best is kept, by contact score where the checkpoint has one, else by energy. In a pocket, a pose that ended
            above 0 kcal/mol is searched again in the pocket's free space, once at least.
        scatter: in a pocket, further searches of each pose from random places in its free space.
        search: "pairs" (exact energies all along) or "maps" (energies from a lattice, some 20 times faster, and what is
            found minimised with exact ones).
        basins: minima of each search among which the best is kept; more than 1 with "maps" only.
        apart: Angstrom of RMSD between the poses that are kept, where what was found allows; a pose that found only
            copies of better ones takes what others have left. 0 for the best of each.
        rings: shapes of saturated rings and macrocycles, at most, over which restarts and scattered searches are
            spread; 1 keeps the conformer's.
        finalists: places of lowest energy whose best pose is searched further; 0 for none.
        final_moves: Monte-Carlo steps of each of them.
        score: whether poses get a Vina score; minimised ones always do.
        rank_by: "confidence", "vina" (energy), "contacts" (contact score), "consensus" (judge), or an added score
            by its name (`ranking.pose_scores`).
    """

    minimize: Literal["none", "vina", "mmff"] = "none"
    moves: int = 100
    restarts: int = 0
    scatter: int = 0
    search: Literal["pairs", "maps"] = "pairs"
    basins: int = 1
    apart: float = 0.0
    rings: int = 1
    finalists: int = 0
    final_moves: int = 500
    score: bool = False
    rank_by: str = "confidence"

    def __post_init__(self) -> None:
        """Check the choices."""
        if self.minimize not in MINIMIZERS:
            raise ConfigError(f"poses are minimized by {_choices(MINIMIZERS)}, not {self.minimize!r}")
        if self.rank_by not in (known := (*RANKINGS, *ADDED_RANKINGS)):
            raise ConfigError(f"poses are ranked by {_choices(known)}, not {self.rank_by!r}")
        if self.search not in SEARCHES:
            raise ConfigError(f"poses are searched on {_choices(SEARCHES)}, not {self.search!r}")
        if self.basins < 1 or (self.basins > 1 and self.search == "pairs"):
            raise ConfigError(f"a search keeps 1 basin, or more on maps; not {self.basins} on {self.search}")
        if self.rings < 1:
            raise ConfigError(f"at least 1 shape of rings is searched, not {self.rings}")
        if not 0 <= self.apart < float("inf"):
            raise ConfigError(f"poses are 0 Angstrom or more apart, not {self.apart}")
        if min(self.moves, self.restarts, self.scatter, self.finalists, self.final_moves) < 0:
            raise ConfigError(
                "numbers of search moves, restarts, scattered searches and finalists must be 0 or larger, not "
                f"{self.moves}, {self.restarts}, {self.scatter}, {self.finalists} and {self.final_moves}"
            )

    @property
    def scores(self) -> bool:
        """Whether poses get a Vina score."""
        return self.score or self.minimize != "none" or self.rank_by != "confidence"


NO_PHYSICS = PhysicsSettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class PhysicsChoice:
    """What a user asks of physics; what is None or False is as the checkpoint says, see `PhysicsSettings`.

    No moves and nothing said of restarts or finalists means none of these either: poses are minimised only.
    """

    minimize: Literal["none", "vina", "mmff"] | None = None
    moves: int | None = None
    restarts: int | None = None
    scatter: int | None = None
    finalists: int | None = None
    search: Literal["pairs", "maps"] | None = None
    basins: int | None = None
    apart: float | None = None
    rings: int | None = None
    score: bool = False
    rank_by: str | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        self.over(PhysicsSettings(minimize="vina", search="maps"))

    @classmethod
    def exactly(cls, settings: PhysicsSettings) -> PhysicsChoice:
        """The choice that leaves nothing to the checkpoint."""
        effort = {name: getattr(settings, name) for name in EFFORT} if settings.minimize == "vina" else {}
        return cls(minimize=settings.minimize, score=settings.score, rank_by=settings.rank_by, **effort)

    def nearby(self) -> PhysicsChoice:
        """The same without searches from other orientations and places, but for those asked for."""
        asked = {name: getattr(self, name) or 0 for name in ("restarts", "scatter", "finalists")}
        return replace(self, **asked)

    @property
    def requested(self) -> bool:
        """Whether anything was asked for; to leave restarts, scatter and finalists out asks for no physics."""
        effort = {name: getattr(self, name) or None for name in ("restarts", "scatter", "finalists")}
        return replace(self, **effort) != PhysicsChoice()

    def over(self, base: PhysicsSettings) -> PhysicsSettings:
        """These choices on top of a checkpoint's settings.

        Raises:
            ConfigError: search moves without a search.
        """
        given = {name: getattr(self, name) for name in ("minimize", *EFFORT, "rank_by")}
        if self.search == "pairs":
            given["basins"] = self.basins or 1
        chosen = replace(base, **{name: value for name, value in given.items() if value is not None})
        if self.moves == 0:
            chosen = replace(
                chosen, restarts=self.restarts or 0, scatter=self.scatter or 0, finalists=self.finalists or 0
            )
        asked = {
            "--search-moves": self.moves is not None,
            "--restarts": bool(self.restarts),
            "--scatter": bool(self.scatter),
            "--finalists": bool(self.finalists),
            "--search": self.search is not None,
            "--basins": self.basins is not None,
            "--apart": bool(self.apart),
            "--ring-conformers": self.rings is not None,
        }
        idle = [option for option, given in asked.items() if given and chosen.minimize != "vina"]
        if idle:
            raise ConfigError(f"{idle[0]} has no effect without --minimize vina; leave one out or give the other")
        return replace(chosen, score=chosen.score or self.score)


def _choices(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}"
