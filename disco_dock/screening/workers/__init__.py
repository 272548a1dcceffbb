"""Workers that dock the ligands of a screen."""
