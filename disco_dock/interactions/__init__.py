"""What holds a ligand in its pocket: interactions by geometric rules, as a list, as a fingerprint, and against a reference."""
