"""Options that `predict`, `screen` and `evaluate` share, and the settings that they mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco_dock.cli.parsing import UsageError, names, numbers
from disco_dock.physics.settings import MINIMIZERS, SEARCHES
from disco_dock.ranking.pose_scores import rankings

if TYPE_CHECKING:
    from disco_dock.chem.group_request import GroupChoice
    from disco_dock.docking.settings import PocketHint
    from disco_dock.physics.settings import PhysicsChoice

POCKETS = {"pocket_center", "pocket_ligand", "pocket_residues", "pocket_box"}


def add_protein(inputs: argparse._ArgumentGroup) -> None:
    """Add the option that `predict` and `screen` share, with the names that other programs give it."""
    inputs.add_argument(
        "-p",
        "-r",
        "--protein",
        "--receptor",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="PDB or mmCIF file, also .gz",
    )


def add_groups(inputs: argparse._ActionsContainer, *, short: bool = True) -> None:
    """Add the options that say which cofactors, ions and other groups of the protein's file are obstacles.

    Args:
        inputs: where to add them.
        short: whether `--keep` is free; `screen` keeps poses by it.
    """
    hidden = argparse.SUPPRESS
    for verb, what in (("keep", "keep these groups as obstacles"), ("drop", "leave these groups out")):
        flags = [f"--{verb}", f"--{verb}-groups"] if short or verb == "drop" else [f"--{verb}-groups"]
        inputs.add_argument(
            *flags,
            dest=f"{verb}_groups",
            type=names,
            metavar="NAP,A:LIG401",
            action="extend",
            default=hidden,
            help=f"{what} of the protein's file: names, places, all or none",
        )


def group_choice(given: dict) -> GroupChoice:
    """What the options say about groups."""
    from disco_dock.chem.group_request import GroupChoice

    return GroupChoice(keep=tuple(given.get("keep_groups", ())), drop=tuple(given.get("drop_groups", ())))


def add_reading(inputs: argparse._ArgumentGroup, *, short: bool = True) -> None:
    """Add the options that `predict` and `screen` share: what is taken of the input files."""
    hidden = argparse.SUPPRESS
    inputs.add_argument("--chains", type=names, metavar="A,B", default=hidden, help="keep only these receptor chains")
    add_groups(inputs, short=short)
    inputs.add_argument(
        "--largest-fragment", action="store_true", help="keep the largest fragment of a salt or mixture"
    )
    inputs.add_argument(
        "--embeddings", metavar="FILE", default=hidden, help="language-model features, if the checkpoint needs them"
    )


def add_states(inputs: argparse._ArgumentGroup) -> None:
    """Add the options that `predict` and `screen` share: protonation states, configurations of open stereo."""
    inputs.add_argument(
        "--protonate",
        type=float,
        metavar="PH",
        default=argparse.SUPPRESS,
        help="dock each protonation state that is not rare at this pH, and name the best (as given)",
    )
    inputs.add_argument(
        "--stereo-isomers",
        type=int,
        metavar="N",
        default=argparse.SUPPRESS,
        help="dock up to N configurations of open centres and double bonds, each as a ligand (one, by the seed)",
    )


def check_states(given: dict) -> None:
    """Raise UsageError for a number of configurations that is none."""
    if given.get("stereo_isomers", 1) < 1:
        raise UsageError(f"--stereo-isomers must be at least 1, not {given['stereo_isomers']}")


def add_core(group: argparse._ArgumentGroup) -> None:
    """Add the options that `predict` and `screen` share: a core that stays in its place."""
    hidden = argparse.SUPPRESS
    group.add_argument(
        "--core",
        metavar="FILE",
        default=hidden,
        help="hold the substructure that the ligand shares with this pose where the pose has it",
    )
    group.add_argument(
        "--core-tolerance", type=float, metavar="A", default=hidden, help="Angstrom of RMSD that it may be off (1.0)"
    )


def check_core(given: dict) -> None:
    """Raise UsageError for options that go against holding a core."""
    if "core_tolerance" in given and "core" not in given:
        raise UsageError("--core-tolerance has no effect without --core; give both")
    if "core" in given:
        against = [name for name in ("start_pose", "restarts", "scatter", "apart") if given.get(name)]
        if against:
            option = against[0].replace("_", "-")
            raise UsageError(f"--{option} searches from other places than --core holds; leave one of them out")


def core_choice(given: dict) -> dict[str, Any]:
    """The settings of a core that the options mean."""
    named = {"core": Path(given["core"])} if "core" in given else {}
    return named | ({"core_tolerance": given["core_tolerance"]} if "core_tolerance" in given else {})


def add_pocket(parser: argparse.ArgumentParser) -> None:
    """Add the options that `predict` and `screen` share: where to dock."""
    hidden = argparse.SUPPRESS
    pocket = parser.add_argument_group("pocket (the whole protein is searched when none is given)")
    kind = pocket.add_mutually_exclusive_group()
    kind.add_argument(
        "--pocket-center", type=numbers(3), metavar="X,Y,Z", default=hidden, help="centre of the pocket in Angstrom"
    )
    kind.add_argument(
        "--pocket-ligand",
        "--autobox-ligand",
        metavar="FILE|A:STI201",
        default=hidden,
        help="file with coordinates of what sits in the pocket, or a residue or group of the protein's file",
    )
    kind.add_argument(
        "--pocket-residues", type=names, metavar="A:57,A:102", default=hidden, help="residues that line the pocket"
    )
    kind.add_argument(
        "--pocket-box",
        metavar="FILE",
        default=hidden,
        help="Vina or gnina configuration; only its box is used (center_x .. size_z or autobox_ligand)",
    )
    pocket.add_argument(
        "--pocket-radius",
        type=float,
        metavar="R",
        default=hidden,
        help="largest distance of the ligand's centroid from the pocket's centre in Angstrom (10)",
    )

    pocket.add_argument(
        "--chains-within",
        type=float,
        metavar="D",
        default=hidden,
        help="leave out chains farther than D Angstrom from the pocket's centre",
    )


def add_sampling(parser: argparse.ArgumentParser, *, num_poses: int, batch_size: int = 10) -> None:
    """Add the options that `predict` and `screen` share: how to sample."""
    hidden = argparse.SUPPRESS
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument(
        "--num-poses", type=int, metavar="N", default=num_poses, help="poses per complex (%(default)s)"
    )
    sampling.add_argument("--steps", type=int, metavar="N", default=20, help="reverse diffusion steps (%(default)s)")
    sampling.add_argument("--seed", type=int, metavar="N", default=0, help="random seed (%(default)s)")
    sampling.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        default=batch_size,
        help="poses computed together; does not change them (%(default)s)",
    )
    sampling.add_argument(
        "--latent-temperature", type=float, metavar="T", default=hidden, help="of the prior; 0 takes its best guess"
    )
    sampling.add_argument(
        "--guidance-weight", type=float, metavar="W", default=hidden, help="weight of guidance by the latents"
    )
    sampling.add_argument(
        "--guidance-interval", type=numbers(2), metavar="LO,HI", default=hidden, help="diffusion times of guidance"
    )
    sampling.add_argument("--ode", action="store_true", help="probability-flow ODE in place of the stochastic sampler")


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add the options that `predict` and `screen` share: which of the ranked poses are listed."""
    hidden = argparse.SUPPRESS
    group = parser.add_argument_group("list of poses (all, unless asked otherwise)")
    group.add_argument(
        "--min-rmsd",
        type=float,
        metavar="ANGSTROM",
        default=hidden,
        help="merge poses this near to a better one with it, and count them; 0.5 to 1 for near copies",
    )
    group.add_argument(
        "--energy-range",
        type=float,
        metavar="KCAL",
        default=hidden,
        help="list poses up to so many kcal/mol of Vina score above the first-ranked one",
    )
    group.add_argument("--num-modes", type=int, metavar="N", default=hidden, help="most poses to list")


def listing(given: dict) -> dict[str, Any]:
    """The fields of `PredictSettings` that these options set."""
    return {name: given.get(name) for name in ("min_rmsd", "energy_range", "num_modes")}


def add_physics_group(parser: argparse.ArgumentParser) -> None:
    """Add the options that `predict` and `screen` share: what physics does with the poses."""
    physics = parser.add_argument_group("physics")
    physics.add_argument(
        "--physics", action="store_true", help="give each pose its AutoDock Vina score: kcal/mol, not an affinity"
    )
    add_physics(physics)


def add_physics(group: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    """Add the options that `predict` and `evaluate` share: minimisation and ranking."""
    hidden = argparse.SUPPRESS
    group.add_argument(
        "--minimize",
        choices=MINIMIZERS,
        default=hidden,
        help="by Vina, with a search around each pose, or by MMFF94s in the fixed pocket (as the checkpoint says)",
    )
    group.add_argument(
        "--search-moves",
        type=int,
        metavar="N",
        default=hidden,
        help="Monte-Carlo steps around each pose with --minimize vina; 0 only minimises (100)",
    )
    group.add_argument(
        "--restarts",
        type=int,
        metavar="N",
        default=hidden,
        help="search around each pose N times more from random orientations, keep the best (as the checkpoint says)",
    )
    group.add_argument(
        "--scatter",
        type=int,
        metavar="N",
        default=hidden,
        help="in a pocket, N more searches for each pose from anywhere in its free space (as the checkpoint says)",
    )
    group.add_argument(
        "--search",
        choices=SEARCHES,
        default=hidden,
        help="on exact pairs, or some 20 times faster on maps, with exact energies at last (as the checkpoint says)",
    )
    group.add_argument(
        "--basins",
        type=int,
        metavar="N",
        default=hidden,
        help="minima of each search among which the best is kept, with --search maps (as the checkpoint says)",
    )
    group.add_argument(
        "--apart",
        type=float,
        metavar="ANGSTROM",
        default=hidden,
        help="RMSD between the poses that are kept, where the search found other ones (as the checkpoint says)",
    )
    group.add_argument(
        "--ring-conformers",
        type=int,
        metavar="N",
        default=hidden,
        help="shapes of saturated rings and macrocycles over which restarts and scatter are spread; 1 for one",
    )
    group.add_argument(
        "--finalists",
        type=int,
        metavar="N",
        default=hidden,
        help="search the best pose of each of the N places of lowest energy further (as the checkpoint says)",
    )
    group.add_argument(
        "--rank-by",
        choices=rankings(),
        default=hidden,
        help="confidence, Vina energy (kcal/mol, not an affinity), contact score or consensus (as the checkpoint says)",
    )


def physics_choice(given: dict) -> PhysicsChoice:
    """What the physics options ask for."""
    from disco_dock.physics.settings import PhysicsChoice

    return PhysicsChoice(
        minimize=given.get("minimize"),
        moves=given.get("search_moves"),
        restarts=given.get("restarts"),
        finalists=given.get("finalists"),
        scatter=given.get("scatter"),
        search=given.get("search"),
        basins=given.get("basins"),
        apart=given.get("apart"),
        rings=given.get("ring_conformers"),
        score=given.get("physics", False),
        rank_by=given.get("rank_by"),
    )


def check_pocket(given: dict) -> None:
    """Raise UsageError for a pocket without a place."""
    if "pocket_radius" in given and not POCKETS & given.keys():
        raise UsageError(
            "--pocket-radius needs --pocket-center, --pocket-ligand or --pocket-residues; "
            "a --pocket-box has its own size"
        )


def pocket_hint(given: dict) -> PocketHint | None:
    """The pocket that the options name, or None."""
    from disco_dock.docking.settings import PocketHint

    if not POCKETS & given.keys():
        return None
    return PocketHint(
        center=given.get("pocket_center"),
        ligand=Path(given["pocket_ligand"]) if "pocket_ligand" in given else None,
        residues=given.get("pocket_residues", ()),
        box=Path(given["pocket_box"]) if "pocket_box" in given else None,
        radius=given.get("pocket_radius"),
    )


def quiet_libraries(verbosity: int) -> None:
    """Keep RDKit's and Biopython's own messages off the terminal unless debugging; ours say what matters."""
    if verbosity >= 2:
        return
    import warnings

    from rdkit import RDLogger

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    warnings.simplefilter("ignore")
