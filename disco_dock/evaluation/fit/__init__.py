"""Fits on docked poses: contact score, judge, novelty rates."""
