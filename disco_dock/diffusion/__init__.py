"""Diffusion on R^3 x SO(3) x torus: schedules, scores of the noise, perturbation of poses."""
