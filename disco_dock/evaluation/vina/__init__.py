"""AutoDock Vina as a baseline."""
