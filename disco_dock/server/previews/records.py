"""What a client is told about a protein or a ligand that it has not docked yet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Chain(BaseModel):
    """A chain of a protein."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    residues: int
    first: int = Field(description="Smallest residue number.")
    last: int = Field(description="Largest residue number.")


class BoundGroup(BaseModel):
    """A ligand, cofactor, metal, ion or other group of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="Its place, such as `A:STI201`; `pocket_group` of a job takes it.")
    name: str
    chain: str
    kind: str
    heavy_atoms: int
    kept: bool = Field(description="Whether poses must not overlap it.")
    why: str
    start: int = Field(description="Number of its first atom in `pdb`.")


class ProteinPreview(BaseModel):
    """What was read of a protein."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chains: tuple[Chain, ...]
    residues: tuple[str, ...] = Field(description="Places of the residues, such as `A:ASP189`.")
    starts: tuple[int, ...] = Field(description="Number of the first atom of each residue in `pdb`.")
    groups: tuple[BoundGroup, ...] = Field(description="Ligands first, the largest first; no water.")
    warnings: tuple[str, ...]
    pdb: str = Field(description="Heavy atoms for a viewer; empty where they are too many.")


class Molecule(BaseModel):
    """One molecule with its drawing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    smiles: str
    heavy_atoms: int
    rotatable_bonds: int
    weight: float = Field(description="Dalton.")
    warnings: tuple[str, ...]
    light: str = Field(description="SVG for a light page.")
    dark: str = Field(description="SVG for a dark page.")


class LigandPreview(BaseModel):
    """What was read of a ligand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(description="Molecules that can be docked.")
    failures: tuple[str, ...] = Field(description="Why others cannot, one sentence each.")
    molecules: tuple[Molecule, ...] = Field(description="The first of them.")
