"""Discrete latents shared by docking and images; torch only, no chemistry and no graphs."""
