"""The ligand in two dimensions with the residues that hold it around it."""

from __future__ import annotations

import math
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
from disco_dock.report.rendering import render

WIDTH, HEIGHT = 640, 460  # of the diagram
INNER = (360, 250)  # of the ligand in its middle
BOX = (86, 24)  # of a residue's name
MOST = 12  # residues
GAP = 0.42  # radians between residues
ROUNDS = 200
COLORS = {"#000000": "currentColor", "#191919": "currentColor", "#0000FF": "var(--atom-n)", "#FF0000": "var(--atom-o)"}
"""Colours of RDKit: those that go with a light and a dark page."""


@dataclass(frozen=True, kw_only=True)
class Bond:
    """A line of the diagram: kind of interaction, its ends, and what it says."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
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
    shown = [one for one in found if one.residue in ranked]
    anchors = {name: _anchor([one for one in shown if one.residue == name], places) for name in ranked}
    spots = _spots(anchors)
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
        title = f"{one.kind} {one.ligand_atom} - {one.residue} {one.residue_atom}, {one.distance:.1f} Å"
        bonds.append(
            Bond(
                kind=one.kind.replace(" ", "-"),
                x1=round(float(start[0]), 1),
                y1=round(float(start[1]), 1),
                x2=round(end[0], 1),
                y2=round(end[1], 1),
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


def _anchor(own: Sequence[Interaction], places: np.ndarray) -> np.ndarray:
    return places[[atom for one in own for atom in one.ligand_atoms]].mean(0)


def _spots(anchors: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Where each residue's name goes: on an ellipse, near what it touches, apart from its neighbours."""
    if not anchors:
        return {}
    names = list(anchors)
    aspect = (WIDTH - BOX[0] - 12) / (HEIGHT - BOX[1] - 12)
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    ways = [anchors[name] - middle for name in names]
    angles = np.array([math.atan2(way[1] * aspect, way[0]) for way in ways])
    for _ in range(ROUNDS):
        order = np.argsort(angles)
        moved = False
        for first, second in zip(order, np.roll(order, -1), strict=True):
            if first == second:
                break
            apart = (angles[second] - angles[first]) % (2 * math.pi)
            gap = min(GAP, 2 * math.pi / len(names))
            if apart < gap - 1e-3:
                push = (gap - apart) / 2
                angles[first] -= push
                angles[second] += push
                moved = True
        angles = (angles + math.pi) % (2 * math.pi) - math.pi
        if not moved:
            break
    reach = np.array([(WIDTH - BOX[0] - 12) / 2, (HEIGHT - BOX[1] - 12) / 2])
    found = {}
    for name, angle in zip(names, angles, strict=True):
        x, y = middle + reach * (math.cos(angle), math.sin(angle))
        found[name] = (round(float(x), 1), round(float(y), 1))
    return found
