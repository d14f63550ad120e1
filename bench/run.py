#!/usr/bin/env python3
"""Measures what the project promises, as ratios to physical limits and to peers: ``make bench``.

    python bench/run.py [--quick] [--only demo,launcher] [--out deps/bench/results]

demo      until every role of the demo is ready, beside the least that its own work allows on these cores
launcher  xrstack beside other launchers on the same work, in one run; those that cannot be installed are skipped

Figures of a shared machine move; the ratios of one run move less.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("demo", "launcher")
_BUDGET_S = 480  # no new run starts after this


def main() -> int:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs and peers: about two minutes")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "deps/bench/results", help="folder for the raw figures")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "demo" in wanted:
        _demo(runs=1 if arguments.quick else 3)
    return _launchers(arguments.out, is_quick=arguments.quick) if "launcher" in wanted else 0


def _demo(runs: int) -> None:
    from demo_start import measure_demo, report

    _say("# The demo's start\n")
    try:
        _say(report(measure_demo(runs)) + "\n")
    except AssertionError as error:
        _say(f"not measured: {error}\n")


def _launchers(out: Path, *, is_quick: bool) -> int:
    from launcher_install import install_peers

    _say("# Launchers on the same work\n")
    folders = install_peers(ROOT / "deps/bench")
    command = [sys.executable, str(ROOT / "bench/launcher_bench.py"), "--out", str(out / "launchers")]
    command += ["--ours", f"{Path(sys.executable).parent / 'xrstack'} up {{file}}", "--budget-s", str(_BUDGET_S)]
    command += [f"--bin-dir={folder}" for folder in folders]
    if is_quick:
        command += ["--runs", "1", "--lines", "200000", "--idle-s", "3", "--peers", "process-compose,hivemind"]
    else:
        command += ["--runs", "3", "--long-runs", "1"]
    log = out / "launchers.log"
    with log.open("w") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    table = out / "launchers.md"
    _say(table.read_text() if code == 0 else f"not measured (exit code {code}); see {log}")
    return code


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
