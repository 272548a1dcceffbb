"""`python -m disco_dock` is `disco-dock`."""

import sys

from disco_dock.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
