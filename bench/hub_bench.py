#!/usr/bin/env python3
"""Measure our media hub's IPC beside a floor: the least that this Python and ZeroMQ can do, with no checks.

    python bench/hub_bench.py [--items signal,fetch,audio,fault] [--topology shared|split] [--repeat 3] [--quick]
                              [--adapter floor --adapter ours] [--out results.json]

Each role (hub, connector, agent) runs in its own process, or hub and connector share one event loop (`shared`, as
the hub ships) and agents are apart. Every cell runs floor, ours, floor, ours, …, so that other load on the machine
meets both: trust the ratios, not the absolute figures. `floor` maps the ring without asking, `floor-ask` asks for
each frame and gets a descriptor. Latency is sender's call → agent's callback (CLOCK_MONOTONIC in pts_us); processor
time is user + system of each process. Frames are compared with `floor-ask`, the rest with `floor`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from hub_items import ITEMS
from hub_numbers import pct

_DEFAULT_ADAPTERS = {"fetch": ["floor-ask", "ours"]}
_COMPARED = ("_us", "_per_s", "_1000", "per_msg", "_ms")

Runs = dict[str, dict[str, list[dict]]]
"""Figures per row name, then per adapter, one entry per repetition."""


def measure(item: str, adapters: list[str], topology: str, repeat: int, quick: bool) -> Runs:
    """Run every cell of an item, adapters interleaved."""
    runs: Runs = {}
    for cell in ITEMS[item]:
        for _ in range(repeat):
            for adapter in adapters:
                started = time.monotonic()
                for row, figures in cell(adapter, topology, quick).items():
                    runs.setdefault(row, {}).setdefault(adapter, []).append(figures)
                _say(f"== {item} {adapter} {topology} {time.monotonic() - started:.0f} s")
    return runs


def median(runs: list[dict], figure: str) -> float | None:
    """Return the median of one figure over the repetitions."""
    values = [run[figure] for run in runs if isinstance(run.get(figure), int | float)]
    return pct(values, 0.5)


def _report(runs: Runs, adapters: list[str]) -> None:
    base = adapters[0]
    for row, by_adapter in runs.items():
        for figure in by_adapter[adapters[-1]][0]:
            medians = {adapter: median(by_adapter[adapter], figure) for adapter in adapters if adapter in by_adapter}
            cells = "  ".join(f"{name}={_short(value)}" for name, value in medians.items())
            reference = medians.get(base)
            if figure.endswith(_COMPARED) and reference and len(medians) > 1:
                cells += "  ratio=" + "/".join(
                    f"{value / reference:.2f}" for name, value in medians.items() if name != base and value is not None
                )
            _say(f"{row:28} {figure:22} {cells}")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the figures are this program's output


def main() -> None:
    """Run the items asked for and print each figure with its ratio to the first adapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", action="append", help="floor, floor-ask, ours or module:Class; the first is 1.0")
    parser.add_argument("--items", default="signal,fetch,audio,fault")
    parser.add_argument("--topology", default="shared", choices=("shared", "split"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    parser.add_argument("--out", type=Path, help="also write all figures as JSON")
    args = parser.parse_args()
    results = {}
    for item in args.items.split(","):
        adapters = args.adapter or _DEFAULT_ADAPTERS.get(item, ["floor", "ours"])
        results[item] = measure(item, adapters, args.topology, args.repeat, args.quick)
        _report(results[item], adapters)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
