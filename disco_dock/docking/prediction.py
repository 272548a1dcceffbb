"""The ranked poses of one complex, as molecules, as a table and as files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_sdf import PoseRecord, pose_mol, write_sdf
from disco_dock.data.novelty import Novelty
from disco_dock.docking.binding_modes import Mode, PocketSuggestion
from disco_dock.docking.pocket import Pocket
from disco_dock.docking.refinement import NO_PHYSICS, PosePhysics
from disco_dock.docking.validity import PoseValidity
from disco_dock.interactions.find import Interaction, find_interactions
from disco_dock.interactions.fingerprint import fingerprint, key_residues
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.interactions.reference import Reference
from disco_dock.physics.settings import RANKINGS
from disco_dock.ranking.reliability import Reliability, band
from disco_dock.runtime.notes import cautions
from disco_dock.runtime.tables import cell_text, csv_text, write_text

POSE_COLUMNS = (
    "rank",
    "confidence",
    "p_rmsd_under_2",
    "p_rmsd_under_5",
    "trust",
    "rank_confidence",
    "rank_vina",
    "rank_contacts",
    "rank_consensus",
    "latents",
    "latent_log_prob",
    "mode",
    "cluster",
    "copy_of",
    "copies",
    "pocket_distance",
    "core_rmsd",
    "clash_count",
    "stereo_kept",
    "valid",
    "failed_checks",
    "vina_score",
    "contact_score",
    "vina_score_before",
    "minimize_rmsd",
    "strain",
    "train_identity",
    "train_tanimoto",
    "seed",
    "sample",
    "interactions",
    "key_residues",
    "rmsd",
    "lddt_pli",
    "contacts_recovered",
)
"""Columns of results.csv and of the SD tags."""
MAX_GIVEN = 80
"""Characters of an SD tag of a given pose beyond which it stands in poses.sdf only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedPose:
    """One pose.

    Attributes:
        rank: 1 is the best.
        sample: number of the pose in the order of sampling, from 0; with the seed it identifies the pose.
        pos: (L, 3) heavy atoms in Angstrom in the receptor's frame.
        confidence: logit of the confidence model, or None.
        p_rmsd_under_2: calibrated probability that the RMSD is below 2 Angstrom, or None for an uncalibrated model.
        latents: names of the residues and ligand atoms that the latents point at.
        latent_log_prob: log probability of the latents under the prior.
        pocket_distance: Angstrom of the ligand's centroid from the pocket centre, or None when docked blindly.
        clash_count: ligand atoms that overlap the receptor or its cofactors and metals.
        p_rmsd_under_5: the same for 5 Angstrom.
        mode: number of its code of latents, 1 the most probable, or None without latents.
        cluster: number of its group of like poses, 1 that of the first-ranked one.
        copy_of: rank of the better pose that it repeats within 1 Angstrom, or None for a pose that repeats none.
        copies: poses that repeat it, listed or merged with it.
        stereo_kept: whether every stereo centre and double bond is as in the input.
        physics: what physics says and did, or None.
        ranks: the rank it has by each of `physics_settings.RANKINGS`, those that are known.
        validity: whether it passes PoseBusters' checks and keeps its stereo, or None when that was not checked.
        added: values of the scores that were added to the product's (`ranking.pose_scores`).
        core_rmsd: Angstrom of the core from where it is to stay, without superposition, or None without one.
        given: what the file that a pose was given in says of it: where it stood, and its SD tags; else empty.
    """

    rank: int
    sample: int
    pos: np.ndarray
    confidence: float | None
    p_rmsd_under_2: float | None
    latents: tuple[str, ...]
    latent_log_prob: float | None
    pocket_distance: float | None
    clash_count: int
    stereo_kept: bool
    p_rmsd_under_5: float | None = None
    mode: int | None = None
    cluster: int = 1
    copy_of: int | None = None
    copies: int = 0
    physics: PosePhysics | None = None
    validity: PoseValidity | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)
    added: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    core_rmsd: float | None = None

    @property
    def trust(self) -> str | None:
        """The probability of an RMSD below 2 Angstrom in words, or None without one."""
        return None if self.p_rmsd_under_2 is None else band(self.p_rmsd_under_2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Ranked poses of one ligand in one receptor.

    Attributes:
        name: of the complex.
        protein: receptor file.
        receptor: as read.
        ligand: as read.
        ranked: the poses, best first.
        rejected: invalid samples, where only valid ones are wanted, best first.
        draw_budget: most samples that could have been drawn.
        novelty: similarity to the checkpoint's training set, or None without a training index.
        pocket: where it was docked in the receptor's frame, or None.
        sampled: (poses, L, 3) the poses as the networks gave them, in the order of `ranked`, or None if they still are.
        seed: random seed.
        notes: what a user should know about inputs and results, one sentence each.
        conformer_rung: which method made the starting conformer.
        timings: seconds of each phase.
        modes: codes of the latents, most probable first; none without latents.
        pocket_suggestion: where the prior's latents point, when that was asked for.
        reliability: how well the poses' probabilities held on held-out complexes; none without probabilities.
        trajectory: (steps + 1, L, 3) the first-ranked pose from noise to its end in Angstrom, when it was kept.
        reference: a known pose of the ligand to compare with, or None.
        unlisted: poses that are not among `ranked` because fewer were asked for (`docking.listing`).
    """

    name: str
    protein: Path
    receptor: Receptor
    ligand: Ligand
    ranked: tuple[RankedPose, ...]
    rejected: tuple[RankedPose, ...] = ()
    draw_budget: int
    novelty: Novelty | None = None
    pocket: Pocket | None
    seed: int
    sampled: np.ndarray | None = None
    notes: tuple[str, ...]
    conformer_rung: str
    timings: Mapping[str, float]
    modes: tuple[Mode, ...] = ()
    pocket_suggestion: PocketSuggestion | None = None
    reliability: tuple[Reliability, ...] = ()
    trajectory: np.ndarray | None = None
    reference: Chem.Mol | None = None
    unlisted: int = 0

    @cached_property
    def table(self) -> list[dict[str, Any]]:
        """One dictionary per pose, best first, with the columns of results.csv."""
        return [self._row(pose) for pose in self.ranked]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table: `POSE_COLUMNS`, added scores, and of given poses those SD tags that are short."""
        names = dict.fromkeys(name for pose in self.ranked for name in pose.given)
        long = {name for pose in self.ranked for name, value in pose.given.items() if not _is_short(value)}
        added = (column for name in self.ranked[0].added for column, _ in _added_columns(self.ranked[0], name))
        given = (_given_column(self.ranked[0], name) for name in names if name not in long)
        return (*POSE_COLUMNS, *added, *given)

    @cached_property
    def poses(self) -> list[Chem.Mol]:
        """The poses as RDKit molecules with hydrogens, best first; the table's values are their properties."""
        mols = []
        for record in self.records:
            mol = pose_mol(self.ligand, record.pos)
            for key, value in record.tags.items():
                mol.SetProp(key, value)
            mols.append(mol)
        return mols

    def interactions(self, pose: RankedPose) -> list[Interaction]:
        """Interactions of each pose, by geometric rules."""
        return find_interactions(pose_mol(self.ligand, pose.pos), self._atoms)

    @cached_property
    def _atoms(self) -> PocketContacts:
        poses = [pose.pos for pose in (*self.ranked, *self.rejected)]
        return PocketContacts(self.receptor, np.concatenate(poses))

    @cached_property
    def _known(self) -> Reference | None:
        return None if self.reference is None else Reference(self.reference, self._atoms)

    @property
    def records(self) -> list[PoseRecord]:
        """Positions and SD tags of the poses, best first: the table's values as text, without the empty ones."""
        return [self._record(pose, row) for pose, row in zip(self.ranked, self.table, strict=True)]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notes that must be read."""
        return cautions(self.notes)

    @property
    def draws(self) -> int:
        """Samples drawn."""
        return len(self.ranked) + len(self.rejected) + self.unlisted

    @property
    def valid_poses(self) -> int | None:
        """Number of valid poses, or None where none was checked."""
        judged = [pose.validity for pose in self.ranked if pose.validity is not None]
        return sum(one.valid for one in judged) if judged else None

    def to_csv(self, path: str | Path) -> None:
        """Write the table as CSV."""
        write_text(Path(path), csv_text(self.columns, self.table))

    def to_sdf(self, path: str | Path) -> None:
        """Write the poses with hydrogens and the table's values as SD tags, best first."""
        write_sdf(Path(path), self.ligand, self.records)

    def rejected_to_sdf(self, path: str | Path) -> None:
        """Write the invalid samples, with the same tags."""
        write_sdf(Path(path), self.ligand, [self._record(pose, self._row(pose)) for pose in self.rejected])

    def sampled_to_sdf(self, path: str | Path) -> None:
        """Write the poses before minimisation, in the same order and with the same tags."""
        assert self.sampled is not None
        pairs = zip(self.sampled, self.records, strict=True)
        write_sdf(Path(path), self.ligand, [PoseRecord(pos=pos, tags=record.tags) for pos, record in pairs])

    def _record(self, pose: RankedPose, row: Mapping[str, Any]) -> PoseRecord:
        """Positions and SD tags of a pose; the tags of the ligand's own record follow where their names are free."""
        record = _record(pose, row)
        taken = {*POSE_COLUMNS, *record.tags}
        return PoseRecord(
            pos=record.pos,
            tags={**record.tags, **{name: value for name, value in self.ligand.tags.items() if name not in taken}},
        )

    def _row(self, pose: RankedPose) -> dict[str, Any]:
        words = fingerprint(self.interactions(pose))
        known = None if self._known is None else self._known.compare(pose_mol(self.ligand, pose.pos), words)
        values = {
            "rank": pose.rank,
            "confidence": _rounded(pose.confidence, 4),
            "p_rmsd_under_2": _rounded(pose.p_rmsd_under_2, 4),
            "p_rmsd_under_5": _rounded(pose.p_rmsd_under_5, 4),
            "trust": pose.trust,
            **{f"rank_{name}": pose.ranks.get(name) for name in RANKINGS},
            "latents": " ".join(pose.latents) or None,
            "latent_log_prob": _rounded(pose.latent_log_prob, 4),
            "mode": pose.mode,
            "cluster": pose.cluster,
            "copy_of": pose.copy_of,
            "copies": pose.copies,
            "pocket_distance": _rounded(pose.pocket_distance, 2),
            "core_rmsd": _rounded(pose.core_rmsd, 3),
            "clash_count": pose.clash_count,
            "stereo_kept": pose.stereo_kept,
            "valid": None if pose.validity is None else pose.validity.valid,
            "failed_checks": None if pose.validity is None else " ".join(pose.validity.failed) or None,
            **(NO_PHYSICS if pose.physics is None else pose.physics).columns(),
            "train_identity": None if self.novelty is None else self.novelty.nearest.identity,
            "train_tanimoto": None if self.novelty is None else self.novelty.nearest.tanimoto,
            "seed": self.seed,
            "sample": pose.sample,
            "interactions": " ".join(words) or None,
            "key_residues": " ".join(key_residues(words)) or None,
            "rmsd": None if known is None else _rounded(known.rmsd, 3),
            "lddt_pli": None if known is None else _rounded(known.lddt_pli, 3),
            "contacts_recovered": None if known is None else _rounded(known.contacts_recovered, 3),
        }
        values |= {column: value for name in pose.added for column, value in _added_columns(pose, name)}
        values |= {_given_column(pose, name): _given_value(value) for name, value in pose.given.items()}
        return {column: values.get(column) for column in self.columns}


def _added_columns(pose: RankedPose, name: str) -> Iterator[tuple[str, float | None]]:
    """The columns of a score that was added: its value and the rank by it."""
    yield name, _rounded(pose.added[name], 4)
    yield f"rank_{name}", pose.ranks.get(name)


def _record(pose: RankedPose, row: Mapping[str, Any]) -> PoseRecord:
    """Positions of a pose and its row's values as SD tags, without the empty ones; what was given stays as it was."""
    tags = {key: cell_text(value) for key, value in row.items() if value is not None}
    given = {_given_column(pose, name): value for name, value in pose.given.items()}
    return PoseRecord(pos=pose.pos, tags=tags | given)


def _given_column(pose: RankedPose, name: str) -> str:
    """The column of a given tag, which must not take the place of one of ours."""
    own = (*POSE_COLUMNS, *(column for score in pose.added for column, _ in _added_columns(pose, score)))
    return f"given_{name}" if name in own else name


def _is_short(text: str) -> bool:
    """Whether a given tag fits a cell of a table."""
    return len(text) <= MAX_GIVEN and "\n" not in text


def _given_value(text: str) -> str | float:
    """A given tag as a cell: a number where it is one."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _rounded(value: float | None, digits: int) -> float | None:
    """A short number; None also for one that is not finite, which JSON cannot hold."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
