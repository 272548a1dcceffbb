"""The ligand in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

SIZE = (420, 300)  # pixels
HIGHLIGHT = (0.98, 0.75, 0.35)


def depict(mol: Chem.Mol, marked: Sequence[int] = (), *, dark: bool = False, numbers: bool = True) -> str:
    """SVG of a molecule with transparent background and, where asked for, atom numbers as in latents ("lig:5").

    Args:
        mol: with or without hydrogens.
        marked: atoms to highlight.
        dark: colours for a dark page.
        numbers: whether to write them.
    """
    flat = Chem.RemoveHs(mol)
    rdDepictor.Compute2DCoords(flat)
    for atom in flat.GetAtoms() if numbers else ():
        atom.SetProp("atomNote", str(atom.GetIdx() + 1))
    drawing = rdMolDraw2D.MolDraw2DSVG(*SIZE)
    options = drawing.drawOptions()
    if dark:
        rdMolDraw2D.SetDarkMode(options)
    options.clearBackground = False
    options.annotationFontScale = 0.55
    options.setAnnotationColour((0.5, 0.55, 0.6, 1.0))
    marked = [index for index in marked if index < flat.GetNumAtoms()]
    rdMolDraw2D.PrepareAndDrawMolecule(
        drawing, flat, highlightAtoms=marked, highlightAtomColors={index: HIGHLIGHT for index in marked}
    )
    drawing.FinishDrawing()
    svg = drawing.GetDrawingText()
    return svg[svg.index("<svg") :].replace("<svg ", '<svg role="img" aria-label="Structure of the ligand" ', 1)
