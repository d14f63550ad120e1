#!/usr/bin/env python3
"""Fuzz the codec and the hub's dispatch, guided by coverage (atheris, Linux; see README.md).

python agent-sdk/tests/fuzz/run_fuzzer.py CORPUS_FOLDER [libFuzzer options, such as -max_total_time=3600]
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["xr_ai_agent"]):
    import hub_target


def main() -> None:
    """Run until libFuzzer ends the process; an input that breaks something is written as crash-*."""
    target = hub_target.HubTarget()
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(hub_target.seeds(target.ring.name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, target.run)
    try:
        atheris.Fuzz()
    finally:
        target.close()


if __name__ == "__main__":
    main()
