"""Noise: how data are perturbed, at which levels, with which weight, and how a network is scaled around it."""
