"""``python -m xr_ai_launcher`` is ``xrstack``."""

import sys

from xr_ai_launcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
