"""`python -m disco_image.convert`: the command of `disco_image.cli.convert`."""

import sys

from disco_image.cli.convert import main

if __name__ == "__main__":
    sys.exit(main())
