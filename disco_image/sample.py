"""`python -m disco_image.sample`: the command of `disco_image.cli.sample`."""

import sys

from disco_image.cli.sample import main

if __name__ == "__main__":
    sys.exit(main())
