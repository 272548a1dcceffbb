"""Image and 2-D diffusion with discrete latents; shares `disco_dock.latents` and `disco_dock.runtime`."""

__version__ = "0.2.0"
