"""Physics of docked poses: the AutoDock Vina energy, search with it, and MMFF94s minimisation in a fixed pocket."""
