"""Rustina as a baseline."""
