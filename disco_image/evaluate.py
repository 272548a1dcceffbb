"""`python -m disco_image.evaluate`: the command of `disco_image.cli.evaluate`."""

import sys

from disco_image.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
