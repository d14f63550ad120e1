#!/usr/bin/env python3
"""Fuzz the codec and the hub's dispatch, guided by coverage (atheris, Linux; see README.md).

python agent-sdk/tests/fuzz/run_fuzzer.py FOUND_FOLDER [libFuzzer options, such as -max_total_time=3600]
python agent-sdk/tests/fuzz/run_fuzzer.py FOUND_FOLDER --keep      put what was found into the committed corpus
"""

import base64
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["xr_ai_agent"]):
    import hub_target


def main() -> None:
    """Run until libFuzzer ends the process; an input that breaks something is written as crash-*."""
    found = Path(sys.argv[1])
    if sys.argv[2:] == ["--keep"]:
        keep(found)
        return
    found.mkdir(parents=True, exist_ok=True)
    for number, known in enumerate(hub_target.corpus()):
        (found / f"known-{number}").write_bytes(known)
    # libFuzzer ends the process without a word to Python: the next run in this folder takes the ring's place.
    target = hub_target.HubTarget(hub_target.ring_name(found))
    atheris.Setup(sys.argv, target.run)
    atheris.Fuzz()


def keep(found: Path) -> None:
    """Write the corpus anew: what libFuzzer left in its folder, which it reduces as it goes, without the seeds."""
    inputs = {path.read_bytes() for path in found.iterdir()} - set(hub_target.seeds())
    lines = sorted((base64.b64encode(each).decode() for each in inputs), key=lambda line: (len(line), line))
    hub_target.CORPUS.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
