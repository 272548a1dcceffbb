"""Building blocks of the equivariant networks."""
