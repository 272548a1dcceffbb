"""Two-dimensional experiments: plain, discrete-latent and continuous-latent diffusion on equal budgets."""
