"""`python -m vivi` is `vivi`."""

import sys

from vivi.cli import main

sys.exit(main())
