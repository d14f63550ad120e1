"""Runs the pickled plan named by the first argument, as the command line would."""

import os
import pickle
import sys
from pathlib import Path

from xr_ai_launcher._run import run

sys.exit(run(pickle.loads(Path(sys.argv[1]).read_bytes()), environment=dict(os.environ)))
