"""Reading and writing molecules: receptors, ligands, conformers, torsions, symmetry."""
