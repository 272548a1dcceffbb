"""`disco-dock fit`: what is fitted on docked poses."""
