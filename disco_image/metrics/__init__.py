"""Distances between samples and data, and properties of trajectories."""
