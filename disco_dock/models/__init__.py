"""Equivariant networks: score model, latent encoder, latent prior, confidence model."""
