"""The commands: train, sample, evaluate."""
