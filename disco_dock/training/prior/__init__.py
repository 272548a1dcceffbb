"""Training of the prior."""
