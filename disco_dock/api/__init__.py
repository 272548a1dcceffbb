"""Docking from Python and notebooks."""
