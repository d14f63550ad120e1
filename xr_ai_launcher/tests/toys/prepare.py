"""Takes the setup steps of the pickled plan named first and pickles the exports into the file named second."""

import pickle
import sys
from pathlib import Path

from xr_ai_launcher._setup import SetupError, prepare

try:
    exports = prepare(pickle.loads(Path(sys.argv[1]).read_bytes()))
except SetupError as error:
    print(error, file=sys.stderr)
    sys.exit(5)
except KeyboardInterrupt:
    sys.exit(130)
Path(sys.argv[2]).write_bytes(pickle.dumps(exports))
