#!/usr/bin/env python3
"""Measures what the project promises, as ratios to physical limits and to peers: ``make bench``.

    python bench/run.py [--quick] [--only signals,frames] [--json FILE] [--peer MODULE:CLASS] [--no-fail]

The figures of the hub come in one table, each beside what it is compared with in the same run; launchers follow in
theirs. Figures of a shared machine move; the ratios of one run move less. bench/README.md says how to read them.

Exit codes: 0 every bound is kept · 1 one is missed · 4 none is missed, but something could not be measured. With
--no-fail, 0 whatever the figures say.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from demo_start import measure_demo_start
from figures import Figure, as_table
from hub_camera import measure_camera
from hub_frames import measure_frames
from hub_idle import measure_idle
from hub_proxy import measure_proxy
from hub_signals import measure_signals
from hub_slices import say
from hub_soak import measure_growth
from hub_sound import measure_sound
from hub_voice import measure_voice
from language import measure_language
from launcher_report import machine

ROOT = Path(__file__).resolve().parent.parent
_LAUNCHERS_BUDGET_S = 480  # no new run starts after this
_EXIT_MISSED, _EXIT_NOT_MEASURED = 1, 4

_HUB_SOCKETS: dict[str, Callable[..., list[Figure]]] = {
    "signals": measure_signals,
    "frames": measure_frames,
    "sound": measure_sound,
}
"""Compare hubs through adapters; ``--peer`` adds one."""
_PROGRAMS: dict[str, Callable[..., list[Figure]]] = {
    "proxy": measure_proxy,
    "camera": measure_camera,
    "voice": measure_voice,
    "idle": measure_idle,
    "growth": measure_growth,
    "demo": measure_demo_start,
    "language": measure_language,
}
"""Run our programs as their users do."""
_LAUNCHERS = "launcher"
_FAULTS = "faults"
DEFAULT_PARTS = (*_HUB_SOCKETS, *_PROGRAMS, _LAUNCHERS)
PARTS = (*DEFAULT_PARTS, _FAULTS)


def main() -> int:
    """Run the parts that are asked for and return the exit code."""
    arguments = _parse_arguments()
    figures: list[Figure] = []
    failures: list[str] = []
    load_before = os.getloadavg()[0]
    for part in arguments.only:
        if part in (_LAUNCHERS, _FAULTS):
            continue
        try:
            figures += _measure(part, arguments)
        except Exception as error:  # the other parts are worth having
            failures.append(f"{part}: not measured: {type(error).__name__}: {error}")
    if figures:
        say(f"{machine()}; load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after\n")
        say(as_table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps([figure.as_json() for figure in figures], indent=1))
    if _FAULTS in arguments.only:
        _faults([arguments.peer or "ours"])
    if _LAUNCHERS in arguments.only:
        failures += _launchers(arguments.out, is_quick=arguments.quick)
    for failure in failures:
        say(failure)
    return 0 if arguments.no_fail else exit_code(figures, failures)


def exit_code(figures: Sequence[Figure], failures: Sequence[str]) -> int:
    """Return what the verdicts come to; ``failures`` are parts without figures."""
    verdicts = {figure.verdict for figure in figures}
    if "MISS" in verdicts:
        return _EXIT_MISSED
    return _EXIT_NOT_MEASURED if failures or "not measured" in verdicts else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", default=",".join(DEFAULT_PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, help="also write the hub's figures here, slice by slice")
    parser.add_argument("--peer", help="measure another hub too: MODULE:CLASS of an adapter (see hub_adapters.py)")
    parser.add_argument("--out", type=Path, default=ROOT / "deps/bench/results", help="folder for what launchers print")
    parser.add_argument("--no-fail", action="store_true", help="end with 0 also when a bound is missed")
    parser.add_argument("--list", action="store_true", help="say how each part is measured, and end")
    arguments = parser.parse_args()
    if arguments.list:
        for part, measure in (_HUB_SOCKETS | _PROGRAMS).items():
            say(f"{part}\n    {(inspect.getdoc(measure) or '').replace(chr(10), chr(10) + '    ')}\n")
        parser.exit()
    arguments.only = arguments.only.split(",")
    unknown = [part for part in arguments.only if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def _measure(part: str, arguments: argparse.Namespace) -> list[Figure]:
    if part in _HUB_SOCKETS:
        subjects = ["ours", *([arguments.peer] if arguments.peer else [])]
        return _HUB_SOCKETS[part](subjects, is_quick=arguments.quick)
    return _PROGRAMS[part](is_quick=arguments.quick)


def _faults(subjects: Sequence[str]) -> None:
    from hub_faults import faults

    for spec in subjects:
        for is_split in (False, True):
            say(f"\n# Faults: {spec}, {'three processes' if is_split else 'hub and connector in one process'}\n")
            for name, came_of_it in faults(spec, is_split=is_split).items():
                say(f"{name}: {json.dumps(came_of_it)}")


def _launchers(out: Path, *, is_quick: bool) -> Sequence[str]:
    from launcher_install import install_peers

    folders = install_peers(ROOT / "deps/bench")
    command = [sys.executable, str(ROOT / "bench/launcher_bench.py"), "--out", str(out / "launchers")]
    command += ["--ours", f"{Path(sys.executable).parent / 'xrstack'} up {{file}}"]
    command += ["--budget-s", str(_LAUNCHERS_BUDGET_S), *(f"--bin-dir={folder}" for folder in folders)]
    if is_quick:
        command += ["--runs", "1", "--lines", "200000", "--idle-s", "3", "--peers", "process-compose,hivemind"]
    else:
        command += ["--runs", "3", "--long-runs", "1"]
    log, table = out / "launchers.log", out / "launchers.md"
    with log.open("w") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if code != 0:
        return [f"launcher: not measured (exit code {code}); see {log}"]
    say("\n# Launchers on the same work\n\n" + table.read_text())
    return []


if __name__ == "__main__":
    sys.exit(main())
