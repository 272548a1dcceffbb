"""What is known about a job: the record on disk, and what clients are told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from disco_dock.server.options import JobOptions

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED: frozenset[State] = frozenset({"done", "failed", "cancelled"})

REPORT = "report.html"
NIM_POSES = "nim.json"
"""Poses of a job of the NIM route, beside the results of its complex."""
FILES = {
    "poses.sdf": "chemical/x-mdl-sdfile",
    "rank1.sdf": "chemical/x-mdl-sdfile",
    "poses_sampled.sdf": "chemical/x-mdl-sdfile",
    "complex_rank1.pdb": "chemical/x-pdb",
    "trajectory_rank1.pdb": "chemical/x-pdb",
    "results.csv": "text/csv",
    "run.json": "application/json",
    REPORT: "text/html",
}
"""The only files that are handed out, with their media types."""


class Complex(BaseModel):
    """One ligand of a job in its protein; the numbers are those of the first-ranked pose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(description="From 1, in the order of the ligand file.")
    name: str
    status: Literal["ok", "failed"]
    message: str = Field(default="", description="Why it failed, in one sentence.")
    smiles: str = ""
    num_poses: int = 0
    confidence: float | None = Field(
        default=None, description="Logit of the confidence model for the RMSD being below 2 Å."
    )
    p_rmsd_under_2: float | None = Field(default=None, description="Probability of an RMSD below 2 Å.")
    trust: str | None = Field(default=None, description="The same in words.")
    vina_score: float | None = Field(default=None, description="kcal/mol, not an affinity.")
    contact_score: float | None = Field(default=None, description="Higher is better.")
    valid: bool | None = Field(default=None, description="By PoseBusters.")
    key_residues: str = Field(default="", description="Those that hold the pose, strongest first.")
    clash_count: int | None = Field(default=None, description="Ligand atoms that overlap the receptor.")
    files: tuple[str, ...] = Field(default=(), description="Names for `/api/v1/jobs/{id}/files/{name}`.")


class Job(BaseModel):
    """One docking job, as it is kept on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[0-9a-f]{32}$")
    title: str
    source: Literal["api", "mcp", "nim"] = Field(default="api", description="Which interface it came by.")
    state: State = "queued"
    protein: str = Field(description="The protein file's name, for display.")
    ligand: str = Field(description="The ligand file's name or the SMILES, for display.")
    options: JobOptions
    created: float = Field(description="Seconds since the epoch.")
    started: float | None = None
    finished: float | None = None
    attempts: int = Field(default=0, description="How often it was begun; more than once after the server was killed.")
    warnings: tuple[str, ...] = Field(default=(), description="What must be known of the results, one sentence each.")
    notes: tuple[str, ...] = Field(default=(), description="What else there is to know of inputs and results.")
    error: str | None = Field(default=None, description="Why it failed, in one sentence.")
    complexes: tuple[Complex, ...] = ()
    share: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="Key of `/shared/{key}`, where its report can be read."
    )


class JobView(Job):
    """A job as clients see it."""

    progress: float = Field(ge=0, le=1)
    stage: str = Field(description="What is being done now.")
    position: int | None = Field(default=None, description="Place in the queue from 1, for a job that waits.")
    report: str | None = Field(default=None, description="Address of the first complex's report, when there is one.")


class Problem(BaseModel):
    """An error."""

    detail: str = Field(description="One sentence: what is wrong and what to do.")
    field: str | None = Field(default=None, description="Part of the form that the sentence is about, where known.")


def problems(*statuses: int) -> dict[int | str, dict]:
    """OpenAPI of the errors of a route."""
    return {status: {"model": Problem} for status in statuses}


class Limits(BaseModel):
    """What this server accepts and keeps."""

    version: str
    max_upload_mb: float
    max_queue: int
    max_poses: int
    max_ligands: int
    keep_jobs: int
    keep_days: float
    waiting: int = Field(description="Jobs in the queue now.")
    ready: bool = Field(description="Whether a process with loaded networks is there.")
    trouble: str | None = Field(default=None, description="Why none is there, when that is known.")
