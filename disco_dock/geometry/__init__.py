"""Rotations, rigid motions and torsions of batches of poses; pure functions of tensors."""
