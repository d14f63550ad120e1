"""The benchmark's modules are beside its programs, as Python finds them when one of those is run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
