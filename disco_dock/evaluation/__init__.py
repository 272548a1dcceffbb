"""How good the poses of a checkpoint are: docking of known complexes, deviations from the crystal, success rates."""
