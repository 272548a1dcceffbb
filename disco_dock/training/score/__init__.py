"""Training of the score network and its encoder."""
