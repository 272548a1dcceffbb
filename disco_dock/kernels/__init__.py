"""Fused CPU kernels in C, compiled on first use with the compiler at hand; without one, torch does the same slower."""
