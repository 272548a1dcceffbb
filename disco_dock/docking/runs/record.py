"""The content of run.json: how a complex was docked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rdkit import Chem

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.group_notes import group_distances
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.runs.inputs import DockingJob
from disco_dock.docking.runs.summary import BEST_NUMBERS
from disco_dock.docking.settings import PredictSettings
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.versions import versions

FORMAT = 5  # raise when the same inputs and settings give different files


def ligand_hash(ligand: Ligand) -> str:
    """SHA-256 of a molecule with its atom order and input coordinates, independent of the file."""
    return hashlib.sha256(Chem.MolToV3KMolBlock(ligand.mol).encode()).hexdigest()


def fingerprint(
    *, protein: str, ligand: str, settings: PredictSettings, files: Mapping[str, str], checkpoint: str
) -> str:
    """Hash of everything that determines the poses of a complex.

    Args:
        protein: hash of the receptor file.
        ligand: from `ligand_hash`.
        settings: only those that change results count, and only the content of files that they name.
        files: hash of each file that the settings name.
        checkpoint: hash of the checkpoint.
    """
    chosen = settings.result_dict()
    del chosen["embeddings"], chosen["reference"], chosen["start_pose"]
    if chosen.pop("core") is None:  # its content counts, not its path
        del chosen["core_tolerance"]
    if chosen["protonate"] is None:
        del chosen["protonate"]
    if chosen["start_noise"] is None:
        del chosen["start_noise"]
    if chosen["pocket"]:
        del chosen["pocket"]["ligand"], chosen["pocket"]["box"]
    content: dict[str, Any] = {
        "format": FORMAT,
        "protein": protein,
        "ligand": ligand,
        "settings": chosen,
        "files": dict(files),
        "checkpoint": checkpoint,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Hashes:
    """SHA-256 of the inputs of a complex, and the fingerprint made of them.

    Attributes:
        protein: of the receptor file.
        ligand: of the molecule.
        files: of other files by what they are.
        fingerprint: see `fingerprint`.
    """

    protein: str
    ligand: str
    files: Mapping[str, str]
    fingerprint: str


def job_hashes(
    engine: Engine, settings: PredictSettings, job: DockingJob, files: Mapping[str, str], protein: str
) -> Hashes:
    """Hashes of a complex's inputs.

    Args:
        engine: its checkpoint counts.
        settings: of the run.
        job: the complex.
        files: hash of each file that the settings name.
        protein: hash of the receptor file.
    """
    ligand = ligand_hash(job.ligand)
    key = fingerprint(protein=protein, ligand=ligand, settings=settings, files=files, checkpoint=engine.models.sha256)
    return Hashes(protein=protein, ligand=ligand, files=files, fingerprint=key)


def best_summary(prediction: Prediction) -> dict[str, Any]:
    """The numbers of the first-ranked pose that a batch's summary table shows."""
    first = prediction.table[0]
    counts = {
        "num_poses": len(prediction.ranked),
        "valid_poses": prediction.valid_poses,
        "draws": prediction.draws,
    }
    score, atoms = first["vina_score"], prediction.ligand.num_atoms
    first = {**first, "ligand_efficiency": None if score is None else round(0.0 - score / atoms, 4)}
    return {**counts, **{key: first[key] for key in BEST_NUMBERS[len(counts) :]}}


def _validity(prediction: Prediction, settings: PredictSettings) -> dict[str, Any] | None:
    """Validity of each pose and of the samples drawn; None where nothing was checked."""
    judged = [(pose, pose.validity) for pose in prediction.ranked if pose.validity is not None]
    if not judged:
        return None
    valid, draws = prediction.valid_poses, prediction.draws
    redrawn = {"draws": draws, "budget": prediction.draw_budget, "acceptance_rate": round((valid or 0) / draws, 4)}
    return {
        "checked": len(judged),
        "valid": valid,
        **(redrawn if settings.valid_only else {}),
        "poses": [
            {"rank": pose.rank, "sample": pose.sample, "valid": found.valid, "failed_checks": list(found.failed)}
            for pose, found in judged
        ],
    }


def _groups(prediction: Prediction) -> list[dict[str, Any]]:
    """Each group of the receptor's file, kept or not, and how far (Angstrom) it is from the first pose."""
    receptor = prediction.receptor
    distances = group_distances(receptor, prediction.ranked[0].pos)
    return [
        {**group.as_dict(), "distance": distance} for group, distance in zip(receptor.context, distances, strict=True)
    ]


def _docked(prediction: Prediction) -> dict[str, Any]:
    """Facts about ligand and receptor for a reader of the poses."""
    ligand, receptor = prediction.ligand, prediction.receptor
    return {
        "ligand": ligand.name,
        "heavy_atoms": ligand.num_atoms,
        "rotatable_bonds": len(rotatable_bonds(ligand.mol).bonds),
        "residues": len(receptor.restype),
        "chains": list(dict.fromkeys(receptor.chains)),
        "checked_poses": sum(pose.validity is not None for pose in prediction.ranked),
    }


def run_record(
    engine: Engine, settings: PredictSettings, job: DockingJob, hashes: Hashes, prediction: Prediction
) -> dict[str, Any]:
    """Inputs with their hashes, checkpoint, settings as given and as resolved, timings, notes and versions."""
    chosen = docking_settings(engine.models, settings, None)
    pocket, suggestion = prediction.pocket, prediction.pocket_suggestion
    return {
        "name": job.name,
        "fingerprint": hashes.fingerprint,
        "best": best_summary(prediction),
        "inputs": {
            "protein": {"path": str(job.protein), "sha256": hashes.protein},
            "ligand": {
                "given": job.ligand_spec,
                "index_in_file": job.ligand.index_in_file,
                "smiles": job.ligand.smiles,
                "sha256": hashes.ligand,
                "state_of": job.ligand.state_of or None,
            },
            **{name: {"sha256": value} for name, value in hashes.files.items()},
        },
        "receptor": {
            "records": dict(prediction.receptor.tally),
            "groups": _groups(prediction),
        },
        "checkpoint": {"directory": str(engine.models.directory), "sha256": engine.models.sha256},
        "settings": settings.as_dict(),
        "resolved": {
            "device": str(engine.device),
            "sampler": asdict(chosen.sampler),
            "latent_inverse_temperature": chosen.latent_inverse_temperature,
            "guidance": asdict(chosen.guidance),
            "physics": asdict(settings.physics_asked.over(engine.models.config.physics)),
            "pocket": None if pocket is None else pocket.as_dict(),
        },
        "modes": [asdict(mode) for mode in prediction.modes],
        "pocket_suggestion": None if suggestion is None else asdict(suggestion),
        "reliability": to_dict(prediction.reliability),
        "validity": _validity(prediction, settings),
        "novelty": None if prediction.novelty is None else prediction.novelty.as_dict(),
        "conformer": prediction.conformer_rung,
        "notes": list(prediction.notes),
        "warnings": list(prediction.warnings),
        "docked": _docked(prediction),
        "timings_seconds": dict(prediction.timings),
        "versions": versions(),
    }
