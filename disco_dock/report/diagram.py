"""The ligand in two dimensions with the residues that hold it around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from disco_dock.interactions.find import KINDS, Interaction
from disco_dock.interactions.fingerprint import WORDS, key_residues
from disco_dock.interactions.ligand_groups import heavy
from disco_dock.report.around import Anchor, place_residues
from disco_dock.report.rendering import render

WIDTH, HEIGHT = 640, 460  # of the diagram
INNER = (360, 250)  # of the ligand in its middle
BOX = (86, 24)  # of a residue's name
MOST = 12  # residues
MARGIN = 6  # to the border
COLORS = {"#000000": "currentColor", "#191919": "currentColor", "#0000FF": "var(--atom-n)", "#FF0000": "var(--atom-o)"}
"""Colours of RDKit: those that go with a light and a dark page."""


@dataclass(frozen=True, kw_only=True)
class Bond:
    """A line of the diagram: kind of interaction, its ends, where its distance stands, and what it says."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    label: tuple[float, float]
    title: str
    distance: str


@dataclass(frozen=True, kw_only=True)
class Around:
    """A residue of the diagram: its name, chain, place and kinds of interactions."""

    name: str
    chain: str
    x: float
    y: float
    kinds: tuple[str, ...]


def diagram(mol: Chem.Mol, found: Sequence[Interaction]) -> Markup:
    """SVG of a pose's interactions.

    Args:
        mol: the pose, with or without hydrogens.
        found: its interactions.
    """
    flat = heavy(mol)
    drawing, places = _drawn(flat)
    ranked = key_residues([f"{WORDS[one.kind]}:{one.residue}" for one in found], MOST)
    shown = _shortest([one for one in found if one.residue in ranked])
    spots = place_residues(
        {name: [_place(one, flat, places) for one in shown if one.residue == name] for name in ranked},
        [(places[bond.GetBeginAtomIdx()], places[bond.GetEndAtomIdx()]) for bond in flat.GetBonds()],
        reach=((WIDTH - BOX[0]) / 2 - MARGIN, (HEIGHT - BOX[1]) / 2 - MARGIN),
        middle=(WIDTH / 2, HEIGHT / 2),
    )
    around = [
        Around(
            name=name.partition(":")[2],
            chain=name.partition(":")[0],
            x=spots[name][0],
            y=spots[name][1],
            kinds=tuple(kind for kind in KINDS if any(one.kind == kind and one.residue == name for one in shown)),
        )
        for name in ranked
    ]
    bonds = []
    for one in shown:
        start, end = places[list(one.ligand_atoms)].mean(0), spots[one.residue]
        label = _between(start, np.array(end))
        title = f"{one.kind} {one.ligand_atom} - {one.residue} {one.residue_atom}, {one.distance:.1f} Å"
        bonds.append(
            Bond(
                kind=one.kind.replace(" ", "-"),
                x1=round(float(start[0]), 1),
                y1=round(float(start[1]), 1),
                x2=round(end[0], 1),
                y2=round(end[1], 1),
                label=(round(float(label[0]), 1), round(float(label[1]), 1)),
                title=title,
                distance=f"{one.distance:.1f}" if one.kind != "hydrophobic contact" else "",
            )
        )
    left = len({one.residue for one in found}) - len(ranked)
    return Markup(  # noqa: S704 - rendered with escaping
        render(
            "diagram.svg", width=WIDTH, height=HEIGHT, box=BOX, ligand=drawing, bonds=bonds, around=around, left=left
        )
    )


def _drawn(flat: Chem.Mol) -> tuple[Markup, np.ndarray]:
    """The ligand's drawing in currentColor, in the middle of the diagram, and the (atoms, 2) places of its atoms."""
    flat = Chem.Mol(flat)
    rdDepictor.Compute2DCoords(flat, canonOrient=True)
    view = rdMolDraw2D.MolDraw2DSVG(*INNER)
    options = view.drawOptions()
    options.clearBackground = False
    options.padding = 0.08
    rdMolDraw2D.PrepareAndDrawMolecule(view, flat)
    places = np.array([[(at := view.GetDrawCoords(index)).x, at.y] for index in range(flat.GetNumAtoms())])
    view.FinishDrawing()
    text = view.GetDrawingText()
    inner = text[text.index("<!-- END OF HEADER -->") + len("<!-- END OF HEADER -->") : text.rindex("</svg>")]
    for color, name in COLORS.items():
        inner = inner.replace(color, name)
    shift = ((WIDTH - INNER[0]) / 2, (HEIGHT - INNER[1]) / 2)
    return Markup(f'<g transform="translate({shift[0]:.0f} {shift[1]:.0f})">{inner}</g>'), places + shift  # noqa: S704


def _shortest(found: Sequence[Interaction]) -> list[Interaction]:
    """Of like interactions of one residue with the same ligand atoms the shortest: one line is read, two overlap."""
    best: dict[tuple[str, str, tuple[int, ...]], Interaction] = {}
    for one in sorted(found, key=lambda one: one.distance):
        best.setdefault((one.kind, one.residue, tuple(one.ligand_atoms)), one)
    return [one for one in found if best[one.kind, one.residue, tuple(one.ligand_atoms)] is one]


def _place(one: Interaction, flat: Chem.Mol, places: np.ndarray) -> Anchor:
    """Where an interaction starts, and the way out of the ligand from there."""
    atoms = list(one.ligand_atoms)
    start = places[atoms].mean(0)
    around = {other.GetIdx() for index in atoms for other in flat.GetAtomWithIdx(index).GetNeighbors()} - set(atoms)
    inner = places[sorted(around)].mean(0) if around else places.mean(0)
    way = start - inner
    if np.linalg.norm(way) < 1e-6:
        way = start - places.mean(0)
    return Anchor(start, way)


def _between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The middle of what is seen of a line whose end a residue's box covers."""
    run = np.abs(end - start) + 1e-9
    covered = min(1.0, BOX[0] / 2 / run[0], BOX[1] / 2 / run[1])
    return start + (end - start) * (1 - covered) * 0.55
