"""Docking of whole libraries into one protein: streamed input, a ledger on disk, and pools of workers."""
