"""Errors, configuration, files, checkpoints, randomness and the training loop; free of chemistry."""
