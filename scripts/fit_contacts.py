"""The old name of `disco-dock fit contacts`, with the same options."""

import sys

from disco_dock.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["fit", "contacts", *sys.argv[1:]]))
