"""The three training stages: score with encoder, latent prior, confidence."""
