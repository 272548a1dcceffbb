"""Accuracy of a checkpoint: docking of complexes with known poses, RMSDs, success rates."""
