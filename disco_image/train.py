"""`python -m disco_image.train`: the command of `disco_image.cli.train`."""

import sys

from disco_image.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
