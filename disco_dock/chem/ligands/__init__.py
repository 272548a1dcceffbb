"""Ligand files: SDF, MOL2, PDB, PDBQT, SMILES lists, and what is checked and kept of them."""
