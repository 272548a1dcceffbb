"""Checkpoints in the layout of the published code."""
