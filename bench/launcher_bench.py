#!/usr/bin/env python3
"""Measure process launchers on the same work.  Python standard library only, Linux only.

  python bench/launcher_bench.py --out results          # every installed peer
  launcher_bench.py --peers honcho,hivemind --runs 3
  launcher_bench.py --ours 'xrstack up {file}'       # our own tool next to them

Scenarios (N roles, medians over --runs):
  start     launch -> the last of N roles has run its first statement
  idle      PSS/RSS and CPU of the launcher's own processes over --idle-s with N sleeping roles
  sigkill   the launcher gets SIGKILL; roles still alive 3 s later (10 of N ignore SIGHUP)
  polite    one role exits 7, the N-1 others obey SIGTERM: reaction time, exit code
  hostile   the same, but every role has a grandchild, and some ignore SIGTERM or left the group
  sigterm   the hostile roles again, but it is the launcher that gets SIGTERM (a plain stop)
  log       one role prints --lines lines of 100 bytes: wall, launcher CPU, lines lost

Every process carries LB_TAG=<random> in its environment, so the cleanup finds exactly what was
started here and kills it by pid.  Nothing is ever looked up or killed by name.
"""

from __future__ import annotations

import argparse
import atexit
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from launcher_peers import PEERS, Absent, Ours, OursAtFirst, Peer
from launcher_processes import reap_all
from launcher_report import machine, markdown, summarise
from launcher_scenarios import Bench

SCENARIOS = ("start", "polite", "log", "hostile", "sigterm")
LONG_SCENARIOS = ("log", "hostile", "sigterm")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", default="", help="comma-separated; default: all installed")
    parser.add_argument("--bin-dir", action="append", default=[], help="where peers are; repeatable")
    parser.add_argument("--ours", default="", help="our command, with {file} for the stack file")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--long-runs", type=int, help="runs of log, hostile, sigterm and idle; default: as --runs")
    parser.add_argument("--n", type=int, default=50)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--idle-s", type=float, default=10)
    parser.add_argument("--only", default=",".join((*SCENARIOS, "idle")))
    parser.add_argument("--budget-s", type=float, default=2400, help="no new run starts after this")
    parser.add_argument("--out", default="launcher_bench", help="writes OUT.json and OUT.md")
    return parser.parse_args()


def installed_peers(arguments: argparse.Namespace, absent: dict[str, str]) -> list[Peer]:
    """Return the peers to measure; why others cannot be goes into ``absent``."""
    folders = [Path(folder).resolve() for folder in arguments.bin_dir]  # launchers start in other folders than ours
    wanted: list[Peer] = [peer(folders) for peer in PEERS]
    if arguments.ours:
        wanted = [Ours(folders, arguments.ours), OursAtFirst(folders, arguments.ours), *wanted]
    if arguments.peers:
        wanted = [peer for peer in wanted if peer.name in arguments.peers.split(",") or isinstance(peer, Ours)]
    present = []
    for peer in wanted:
        try:
            peer.find()
            present.append(peer)
        except (Absent, OSError, subprocess.SubprocessError) as error:
            absent[peer.name] = str(error)
            say(f"skip {peer.name}: {error}")
    return present


def measure(
    bench: Bench, peers: list[Peer], only: set[str], runs: tuple[int, int], ends_at: float, raw: dict[str, Any]
) -> None:
    """Run every scenario, the peers in turn, so that other load on the machine meets them all.

    ``runs`` are those of the short and of the long scenarios.
    """
    jobs = {
        "start": bench.start,
        "polite": lambda peer: bench.fail(peer, False),
        "hostile": lambda peer: bench.fail(peer, True),
        "sigterm": lambda peer: bench.fail(peer, True, True),
        "log": bench.log,
    }
    for scenario in (each for each in SCENARIOS if each in only):
        for run in range(runs[scenario in LONG_SCENARIOS]):
            for peer in peers:
                if run > 0 and peer.fail_fast == "none" and scenario in ("polite", "hostile"):
                    continue  # once is enough to confirm that it has none
                is_late = time.time() > ends_at
                figures = {"error": "time budget used up"} if is_late else jobs[scenario](peer)
                raw[peer.name][scenario].append(figures)
                say(f"{peer.name} {scenario} {json.dumps(figures)}")


def measure_idle(bench: Bench, peers: list[Peer], runs: int, ends_at: float, raw: dict[str, Any]) -> None:
    """Let peers idle side by side; no two of one runtime, which would share memory."""
    groups: list[list[Peer]] = []
    for peer in peers:
        fitting = (group for group in groups if len(group) < 4 and peer.runtime not in {each.runtime for each in group})
        group = next(fitting, None)
        if group is None:
            groups.append(group := [])
        group.append(peer)
    for _ in range(runs):
        for group in groups:
            if time.time() > ends_at:
                return
            for peer, figures in zip(group, bench.idle_kill(group), strict=True):
                raw[peer.name]["idle_kill"].append(figures)
                say(f"{peer.name} idle_kill {json.dumps(figures)}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    arguments = parse_arguments()
    atexit.register(reap_all)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda received, _: sys.exit(128 + received))
    out: dict[str, Any] = {
        "machine": machine(),
        "n": arguments.n,
        "runs": arguments.runs,
        "lines": arguments.lines,
        "idle_s": arguments.idle_s,
        "absent": {},
        "raw": {},
        "summary": {},
    }
    peers = installed_peers(arguments, out["absent"])
    for peer in peers:
        empty: dict[str, Any] = {scenario: [] for scenario in (*SCENARIOS, "idle_kill")}
        out["raw"][peer.name] = {"version": peer.version, "fail_fast": peer.fail_fast, **empty}
    long_runs = arguments.runs if arguments.long_runs is None else arguments.long_runs
    bench, only = Bench(arguments), set(arguments.only.split(","))
    ends_at = time.time() + arguments.budget_s
    try:
        if "idle" in only:
            measure_idle(bench, peers, long_runs, ends_at, out["raw"])
        measure(bench, peers, only, (arguments.runs, long_runs), ends_at, out["raw"])
    finally:
        left = reap_all()
        shutil.rmtree(bench.root, ignore_errors=True)
        if left:
            say(f"cleanup: killed {left} leftover processes")
    out["summary"] = {name: summarise(figures) for name, figures in out["raw"].items()}
    Path(arguments.out + ".json").write_text(json.dumps(out, indent=1))
    Path(arguments.out + ".md").write_text(markdown(out))
    say(markdown(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
