"""Training of the confidence network."""
