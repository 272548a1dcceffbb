"""Networks: denoisers, latent encoders, token mixers and priors."""
