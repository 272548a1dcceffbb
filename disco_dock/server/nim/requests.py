"""NVIDIA's DiffDock NIM as a second interface, so that its clients work with this server.

Request and response are those of DiffDock NIM 2.x. Sources: NVIDIA, "NVIDIA NIM for DiffDock" 2.3.0
(docs.nvidia.com/nim/bionemo/diffdock/2.3.0), pages Getting Started (request, response, `dump_output.py`),
Advanced Usage (`diffdock.sh`, lines of SMILES as a batch) and API Reference; the fields' ranges from
`nim-skills/diffdock-nim/references/api.md` of github.com/NVIDIA-BioNeMo/bionemo-agent-toolkit. NVIDIA's pages
do not say that a failed docking is HTTP 200 with `status: "failed"` and lists filled up with "" and null, nor
that unknown fields are let pass; recorded traffic and public clients show it.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from disco_dock.chem.ligands.smiles_header import is_header, is_title_row
from disco_dock.runtime.errors import InputError
from disco_dock.server.options import MAX_ISOMERS, JobOptions
from disco_dock.server.records import Complex
from disco_dock.server.uploads import ligand_name, protein_name

MAX_NIM_POSES = 100
_ASSET = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FILE = re.compile(r"\S*\.(pdb|ent|cif|mmcif|sdf|sd|mol|mol2|smi|txt)(\.gz)?", re.IGNORECASE)
INLINE = "give the content of the file itself; paths and asset ids are never opened here"


class NimRequest(BaseModel):
    """A request for docking; fields beyond these are ignored, as the NIM does."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "protein": "ATOM      1  N   ALA A   1      11.104   6.134  -6.504 ...",
                    "ligand": "CC(=O)Oc1ccccc1C(=O)O",
                    "ligand_file_type": "txt",
                    "num_poses": 10,
                    "time_divisions": 20,
                    "steps": 18,
                }
            ]
        },
    )

    protein: str = Field(min_length=1, description="Content of a PDB file.")
    ligand: str = Field(min_length=1, description="Content of an SDF or MOL2 file, or SMILES, one per line.")
    ligand_file_type: Literal["sdf", "mol2", "txt"] = Field(default="txt", description="`txt` for SMILES.")
    num_poses: int = Field(default=10, ge=1, le=MAX_NIM_POSES)
    time_divisions: int = Field(default=20, ge=1, le=100, description="Only checked: `steps` may not be larger.")
    steps: int = Field(default=18, ge=1, le=100, description="Reverse diffusion steps.")
    save_trajectory: bool = Field(default=False, description="Return the diffusion of the first-ranked pose.")
    skip_gen_conformer: bool = Field(
        default=False, description="Without effect: poses start from a conformer made here."
    )
    stereo_isomers: int = Field(
        default=0,
        ge=0,
        le=MAX_ISOMERS,
        description="Not of the NIM: dock up to so many configurations of open centres, each an entry of its own.",
    )
    is_staged: bool = Field(default=False, description="Refused when true: only inline content is taken.")

    def checked(self) -> NimRequest:
        """The request with line ends that some clients escape made real.

        Raises:
            InputError: it asks for files or assets, or its numbers do not fit together.
        """
        if self.is_staged:
            raise InputError(f"is_staged: staged assets are not supported; {INLINE}, with is_staged false")
        if self.steps > self.time_divisions:
            raise InputError(f"steps is {self.steps} and time_divisions {self.time_divisions}; steps may not be larger")
        protein = _unescaped(self.protein)
        kind = self.ligand_file_type
        if kind == "txt":
            kind = _recognised(_unescaped(self.ligand))
        ligand = self.ligand if kind == "txt" else _unescaped(self.ligand)
        if _is_reference(protein):
            raise InputError(f"protein: looks like a path or an asset id; {INLINE}")
        lines = ligand.splitlines() if kind == "txt" else [ligand]
        if any(_is_reference(line.split()[0]) for line in lines if line.strip()) or (
            kind != "txt" and "\n" not in ligand.strip()
        ):
            raise InputError(f"ligand: looks like a path or an asset id; {INLINE}")
        return self.model_copy(update={"protein": protein, "ligand": ligand, "ligand_file_type": kind})

    def smiles(self) -> list[str]:
        """The lines of a `txt` ligand that hold a molecule; more than one make a batch."""
        lines = [line.lstrip("\ufeff").strip() for line in self.ligand.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        header = len(lines) > 1 and (is_header(lines[0].split()[0]) or is_title_row(lines[0]))
        return lines[1:] if header else lines

    @property
    def count(self) -> int | None:
        """Number of ligands of a batch, or None for a single one."""
        number = len(self.smiles()) if self.ligand_file_type == "txt" else _molecules(self.ligand)
        return number if number > 1 else None

    def files(self) -> dict[str, bytes]:
        """The input files of the job.

        Raises:
            InputError: the protein is no structure.
        """
        protein = self.protein.encode()
        ligand = ("\n".join(self.smiles()) if self.ligand_file_type == "txt" else self.ligand).encode()
        if not ligand.strip():
            raise InputError("ligand: holds no molecule; send SMILES, one per line")
        name = "ligand.smi" if self.ligand_file_type == "txt" else f"ligand.{self.ligand_file_type}"
        if self.ligand_file_type != "txt" and ligand_name(ligand) == "ligand.pdb":
            raise InputError(f"ligand: is PDB, not {self.ligand_file_type}; send SDF, MOL2 or SMILES")
        return {protein_name(protein): protein, name: ligand}

    def options(self) -> JobOptions:
        """The options of the job."""
        return JobOptions(
            num_poses=self.num_poses,
            steps=self.steps,
            trajectory=self.save_trajectory,
            stereo_isomers=self.stereo_isomers,
            report=False,
        )


class NimResponse(BaseModel):
    """Poses, best first; of a batch, every field but `protein` and `ligand` is a list with an entry per ligand."""

    status: str | list[str] = Field(description='"success" or "failed".')
    details: str | list[str]
    protein: str = Field(description="As sent.")
    ligand: str = Field(description="As sent.")
    ligand_positions: list[str] | list[list[str]] = Field(description="SDF texts; empty where there is no pose.")
    position_confidence: list[float | None] | list[list[float | None]] = Field(
        description="The score that ranks the poses, in the order of `ligand_positions`: the first is the largest."
    )
    trajectory: list[str] | list[list[str]] = Field(description="PDB text with a MODEL per step for the first pose.")


class NimPoses(BaseModel):
    """What a docked complex contributes to the response: the file `nim.json`."""

    ligand_positions: list[str] = []
    position_confidence: list[float | None] = []
    trajectory: list[str] = []


class NimResult(BaseModel):
    """How the docking of one ligand ended."""

    status: Literal["success", "failed"]
    details: str
    poses: NimPoses

    @classmethod
    def of(cls, found: Complex | None, error: str, poses: NimPoses | None, request: NimRequest) -> NimResult:
        """The result of a ligand.

        Args:
            found: its complex, or None when the job failed as a whole.
            error: sentence for a job that failed as a whole.
            poses: of a docked complex.
            request: says to how many entries the lists are filled up.
        """
        if found is None or poses is None or found.status == "failed":
            details = error if found is None else found.message
            return cls(status="failed", details=details, poses=_filled(NimPoses(), request.num_poses))
        details = f"success: generated {len(poses.ligand_positions)} pose(s)"
        if request.stereo_isomers:
            details += f" of {found.name}, {found.smiles}"
        if request.skip_gen_conformer:
            details += "; skip_gen_conformer has no effect here"
        return cls(status="success", details=details, poses=_filled(poses, request.num_poses))


def response(sent: NimRequest, count: int | None, results: list[NimResult]) -> NimResponse:
    """The response to a request.

    Args:
        sent: as it came.
        count: of ligands in a batch, or None.
        results: of the ligands, in their order.
    """
    columns = {
        "status": [one.status for one in results],
        "details": [one.details for one in results],
        **{name: [getattr(one.poses, name) for one in results] for name in NimPoses.model_fields},
    }
    values = columns if count is not None else {name: column[0] for name, column in columns.items()}
    return NimResponse.model_validate({**values, "protein": sent.protein, "ligand": sent.ligand})


def _filled(poses: NimPoses, length: int) -> NimPoses:
    """The lists filled up with nothing to a length."""
    missing = length - len(poses.ligand_positions)
    return NimPoses(
        ligand_positions=[*poses.ligand_positions, *[""] * missing],
        position_confidence=[*poses.position_confidence, *[None] * missing],
        trajectory=[*poses.trajectory, *[""] * missing],
    )


def _molecules(text: str) -> int:
    """Number of molecules in an SDF or MOL2 text."""
    return max(text.count("@<TRIPOS>MOLECULE"), sum(1 for part in text.split("$$$$") if part.strip()))


def _recognised(text: str) -> Literal["sdf", "mol2", "txt"]:
    """What a ligand without a stated type is; clients leave the type out for SDF."""
    name = ligand_name(text.encode())
    return "sdf" if name.endswith(".sdf") else "mol2" if name.endswith(".mol2") else "txt"


def _unescaped(text: str) -> str:
    """File content whose line ends a client wrote as backslash and line end, or as backslash and n."""
    text = text.replace("\\\r\n", "\n").replace("\\\n", "\n")
    return text if "\n" in text.strip() else text.replace("\\r\\n", "\n").replace("\\n", "\n")


def _is_reference(text: str) -> bool:
    """Whether a text is the name of something in place of the thing."""
    text = text.strip()
    one_line = "\n" not in text
    return one_line and (_FILE.fullmatch(text) is not None or _ASSET.fullmatch(text) is not None or "://" in text)
