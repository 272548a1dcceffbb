"""Pose expert: a score network for low noise that sees every heavy atom around the ligand."""
