"""From noise and latents to images: solvers, guidance, switching and grids."""
