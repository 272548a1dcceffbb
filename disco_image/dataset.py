"""`python -m disco_image.dataset`: the command of `disco_image.cli.dataset`."""

import sys

from disco_image.cli.dataset import main

if __name__ == "__main__":
    sys.exit(main())
