"""``python -m nearedge`` is the command ``nearedge``."""

import sys

from nearedge.cli import main

sys.exit(main())
