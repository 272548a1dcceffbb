"""What a file holds before it is docked: the page draws a molecule and offers residues and groups as pockets."""
