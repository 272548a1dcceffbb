"""Reverse diffusion: initial poses, steps, restraints, and docking with a set of models."""
