"""Libraries of ligands: files and tables to entries."""
