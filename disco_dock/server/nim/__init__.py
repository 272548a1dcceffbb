"""The route of NVIDIA's DiffDock NIM."""
