"""`disco-dock predict`: dock ligands into a protein and write ranked poses."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.cli.checks import check_files
from disco_dock.cli.options import (
    add_core,
    add_listing,
    add_physics_group,
    add_pocket,
    add_protein,
    add_reading,
    add_sampling,
    add_states,
    check_core,
    check_pocket,
    check_states,
    core_choice,
    group_choice,
    listing,
    physics_choice,
    pocket_hint,
    quiet_libraries,
)
from disco_dock.cli.parsing import UsageError
from disco_dock.runtime.command_line import Parser

DEFAULT_MODES = 8

if TYPE_CHECKING:
    from disco_dock.docking.runs.inputs import JobList
    from disco_dock.docking.settings import PredictSettings


def add_arguments(parser: Parser) -> None:
    """Add the options of `predict`."""
    parser.usage = (
        "disco-dock predict -p FILE -l FILE|SMILES|NAME [-o DIR] [options]\n"
        "       disco-dock predict --csv FILE [-o DIR] [options]"
    )
    parser.epilog = (
        "examples:\n"
        "  disco-dock predict -p protein.pdb -l 'CC(=O)Oc1ccccc1C(=O)O' --report\n"
        "  disco-dock predict -p complex.pdb -l GP6 --report       redock its ligand GP6\n"
        "  disco-dock predict -p protein.cif -l ligand.sdf --pocket-residues A:57,A:189"
    )
    hidden = argparse.SUPPRESS
    inputs = parser.add_argument_group("inputs (--protein and --ligand, or --csv)")
    add_protein(inputs)
    inputs.add_argument(
        "-l",
        "--ligand",
        metavar="LIGAND",
        default=hidden,
        help="SDF, MOL2, PDB or SMI file, SMILES, or a ligand of the protein file by name (GP6 or A:GP6910)",
    )
    inputs.add_argument(
        "--csv",
        metavar="FILE",
        default=hidden,
        help="table with the columns complex_name, protein_path, ligand_description, protein_sequence",
    )
    inputs.add_argument(
        "--reference",
        metavar="FILE",
        default=hidden,
        help="known pose of the same ligand: RMSD, LDDT-PLI and recovered contacts of every pose",
    )
    inputs.add_argument(
        "--smiles", metavar="TEMPLATE", default=hidden, help="SMILES with the bond orders of a PDB ligand"
    )
    add_reading(inputs)
    add_states(inputs)

    add_pocket(parser)
    add_sampling(parser, num_poses=40)
    _add_start(parser)
    _add_latents(parser)
    add_physics_group(parser)
    _add_validity(parser)
    add_listing(parser)
    _add_running(parser)
    first = "--protein --ligand --csv --out --num-poses --pocket-ligand --pocket-residues --reference --report"
    parser.show_first(*first.split(), "--overwrite", "--verbose")


def _add_start(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    start = parser.add_argument_group("start from a pose (partial diffusion, for lead optimisation)")
    start.add_argument(
        "--start-pose",
        metavar="FILE",
        default=hidden,
        help="pose that the diffusion starts from, of the ligand or of a molecule that shares at least half of it",
    )
    start.add_argument(
        "--start-noise",
        type=float,
        metavar="T",
        default=hidden,
        help="diffusion time that it is noised to: 0.3 about 0.5, 0.5 about 1.4, 0.7 about 4 Angstrom (0.5)",
    )
    add_core(start)


def _add_latents(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    latents = parser.add_argument_group("latents as binding modes (nodes: A:189 a residue, lig:5 the fifth heavy atom)")
    latents.add_argument(
        "--modes",
        choices=("draw", "enumerate"),
        default="draw",
        help="draw latents from the prior, or list its most probable ones and spread the poses over them (%(default)s)",
    )
    latents.add_argument(
        "--latent-modes", type=int, metavar="K", default=hidden, help=f"modes to enumerate ({DEFAULT_MODES})"
    )
    latents.add_argument(
        "--latent",
        action="append",
        metavar="NODE",
        default=hidden,
        help="force the next latent to a node (repeat for the others; 'any' leaves one to the prior)",
    )
    latents.add_argument(
        "--avoid-latent", action="append", metavar="NODE", default=hidden, help="no latent points here (repeatable)"
    )
    latents.add_argument(
        "--suggest-pockets", action="store_true", help="list the residues and sites that the prior points at"
    )


def _add_validity(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    validity = parser.add_argument_group("validity (PoseBusters: pip install 'disco-dock[evaluate]')")
    validity.add_argument(
        "--check-poses",
        type=int,
        metavar="N",
        default=hidden,
        help="best-ranked poses that PoseBusters checks, 0 for none (all, where it is installed)",
    )
    validity.add_argument(
        "--valid-only", action="store_true", help="replace invalid poses by new samples until all are valid"
    )
    validity.add_argument(
        "--valid-budget",
        type=int,
        metavar="N",
        default=hidden,
        help="most samples with --valid-only (three times the poses)",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    running = parser.add_argument_group("running")
    running.add_argument("-o", "--out", metavar="DIR", default=hidden, help="output folder (named after the complex)")
    running.add_argument(
        "--checkpoint", metavar="DIR", default=hidden, help="another checkpoint folder; the bundled one by default"
    )
    running.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    running.add_argument(
        "--trajectory", action="store_true", help="write the first-ranked pose's diffusion as trajectory_rank1.pdb"
    )
    running.add_argument("--report", action="store_true", help="write report.html, which opens offline in any browser")
    running.add_argument("--pymol", action="store_true", help="write view.pml, a script for PyMOL")
    running.add_argument("--molviewspec", action="store_true", help="write view.mvsj, a scene for Mol*")
    running.add_argument("--chimerax", action="store_true", help="write view.cxc, a script for ChimeraX")
    running.add_argument("--overwrite", action="store_true", help="replace poses of another run in the folder")
    running.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Dock everything asked for; 1 when a complex failed."""
    given = vars(args)
    _check_inputs(given)
    from disco_dock.runtime.errors import ConfigError

    try:
        settings = _settings(given)
    except ConfigError as error:
        raise UsageError(str(error)) from error
    check_files(given)

    from disco_dock.cli.console import Console, headline
    from disco_dock.docking.engine import load_engine
    from disco_dock.docking.runs.run import Run
    from disco_dock.runtime.log import setup_logging

    setup_logging(args.verbose)
    quiet_libraries(args.verbose)
    found = _jobs(given, settings)
    out = Path(given["out"] if "out" in given else _named_after(given, found))
    engine = load_engine(Path(given["checkpoint"]) if "checkpoint" in given else None, args.device)
    with Console(batch=found.single is None, verbose=bool(args.verbose)) as console:
        work = Run(engine, settings, out, overwrite=args.overwrite, progress=console)
        if found.single is not None:
            console.say(headline(found.single, settings))
        try:
            rows = [work.dock_single(found.single)] if found.single else work.dock_batch(found.jobs)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"interrupted; finished results are kept in {out}, run again to continue") from stop
    console.print_results(out, rows, report=args.report)
    wanted = {name: given[name] for name in ("report", "pymol", "chimerax", "molviewspec")}
    if any(wanted.values()) and any(row.status != "failed" for row in rows):
        from disco_dock.cli.report import write_views

        write_views(out, **wanted)
    return int(any(row.status == "failed" for row in rows))


def _named_after(given: dict, found: JobList) -> str:
    """The default folder: the complex's name, or that of the table."""
    if found.single is not None:
        return found.single.name
    if found.states_of is not None:
        return f"{found.states_of}_{'isomers' if 'protonate' not in given else 'states'}"
    return f"{Path(given['csv'] if 'csv' in given else given['ligand']).name.split('.')[0]}_docked"


def _check_inputs(given: dict) -> None:
    """Raise UsageError for inputs that are missing or exclude each other."""
    if "csv" in given:
        extra = [option for option in ("protein", "ligand") if option in given]
        if "reference" in given:
            raise UsageError("--reference is the pose of one ligand, so it cannot be given with --csv")
        if extra:
            raise UsageError(f"--csv names the proteins and ligands, so --{extra[0]} cannot be given with it")
    else:
        missing = [f"--{option}" for option in ("protein", "ligand") if option not in given]
        if missing:
            raise UsageError(f"{' and '.join(missing)} missing; give --protein and --ligand, or --csv")
    check_pocket(given)
    if "valid_budget" in given and not given["valid_only"]:
        raise UsageError("--valid-budget has no effect without --valid-only; give both")
    if "check_poses" in given and given["valid_only"]:
        raise UsageError("--valid-only checks every draw, so --check-poses has no effect; leave it out")
    if "start_noise" in given and not {"start_pose", "core"} & given.keys():
        raise UsageError("--start-noise has no effect without --start-pose; give both")
    check_core(given)
    if "latent_modes" in given and given["modes"] != "enumerate":
        raise UsageError("--latent-modes has no effect without --modes enumerate; give both")
    check_states(given)
    if "stereo_isomers" in given and "reference" in given:
        raise UsageError("--reference is the pose of one ligand, so it cannot be given with --stereo-isomers")
    if given.get("latent_modes", 1) < 1:
        raise UsageError(f"--latent-modes must be at least 1, not {given['latent_modes']}")


def _settings(given: dict) -> PredictSettings:
    """The settings that the options mean."""
    from disco_dock.docking.settings import PredictSettings

    return PredictSettings(
        num_poses=given["num_poses"],
        steps=given["steps"],
        seed=given["seed"],
        batch_size=given["batch_size"],
        ode=given["ode"],
        latent_temperature=given.get("latent_temperature"),
        guidance_weight=given.get("guidance_weight"),
        guidance_interval=given.get("guidance_interval"),
        modes=given.get("latent_modes", DEFAULT_MODES) if given["modes"] == "enumerate" else 0,
        latents=tuple(given.get("latent", ())),
        avoid_latents=tuple(given.get("avoid_latent", ())),
        suggest_pockets=given["suggest_pockets"] or given["modes"] == "enumerate",
        trajectory=given["trajectory"] or given["report"],
        pocket=pocket_hint(given),
        groups=group_choice(given),
        chains=given.get("chains"),
        chains_within=given.get("chains_within"),
        largest_fragment=given["largest_fragment"],
        template_smiles=given.get("smiles"),
        embeddings=Path(given["embeddings"]) if "embeddings" in given else None,
        physics=physics_choice(given),
        check_poses=given.get("check_poses"),
        valid_only=given["valid_only"],
        valid_budget=given.get("valid_budget"),
        reference=Path(given["reference"]) if "reference" in given else None,
        **listing(given),
        start_pose=Path(given["start_pose"]) if "start_pose" in given else None,
        start_noise=given.get("start_noise"),
        **core_choice(given),
        protonate=given.get("protonate"),
    )


def _jobs(given: dict, settings: PredictSettings) -> JobList:
    """The complexes that the options name."""
    from disco_dock.docking.runs.inputs import jobs_of_csv, jobs_of_ligands, ligand_reader

    read = ligand_reader(
        settings.template_smiles,
        settings.largest_fragment,
        given.get("stereo_isomers", 0),
        protonate=settings.protonate,
    )
    if "csv" in given:
        return jobs_of_csv(given["csv"], read)
    return jobs_of_ligands(given["protein"], given["ligand"], read, smiles=given.get("smiles"))
