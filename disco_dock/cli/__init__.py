"""The `disco-dock` command line; its modules import chemistry and torch only when a command runs."""
