"""`python -m disco_image.choose`: the command of `disco_image.cli.choose`."""

import sys

from disco_image.cli.choose import main

if __name__ == "__main__":
    sys.exit(main())
