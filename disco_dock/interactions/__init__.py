"""What holds a ligand in its pocket: its interactions, their fingerprint, and both against a known pose."""
