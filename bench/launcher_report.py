"""Medians, spreads and the table of the launcher benchmark."""

from __future__ import annotations

import os
import platform
import re
import statistics
from pathlib import Path

from launcher_peers import GRACE_S
from launcher_scenarios import FAIL_TIMEOUT_S


def median(runs: list[dict], key: str):
    v = [r[key] for r in runs if key in r and r[key] is not None]
    return statistics.median(v) if v else None


def spread(runs, key):
    v = [r[key] for r in runs if key in r and r[key] is not None]
    return [min(v), max(v)] if v else None


def fmt(x, digits=0):
    return "–" if x is None else f"{x:.{digits}f}"


def summarise(res: dict) -> dict:
    s: dict = {"version": res["version"], "fail_fast": res["fail_fast"]}
    si = res.get("start", []) + res.get("idle_kill", [])
    for k in (
        "start_all_ms",
        "start_first_ms",
        "idle_cpu_ms_per_10s",
        "idle_rss_main_mb",
        "idle_pss_all_mb",
        "launcher_procs",
        "sigkill_orphans",
        "sigkill_helpers_left",
    ):
        s[k] = median(si, k)
        s[k + "_range"] = spread(si, k)
    for sc in ("polite", "hostile", "sigterm"):
        rs = res.get(sc, [])
        s[sc] = {k: median(rs, k) for k in ("exit_ms", "orphans", "alive_at_exit", "helpers_left")}
        s[sc]["exit_ms_range"] = spread(rs, "exit_ms")
        s[sc]["exit_codes"] = sorted({r["exit_code"] for r in rs if "exit_code" in r})
        s[sc]["exited"] = [r.get("exited") for r in rs]
        kinds: dict = {}
        for r in rs:
            for k, v in r.get("orphans_by_kind", {}).items():
                kinds[k] = max(kinds.get(k, 0), v)
        s[sc]["orphans_by_kind_worst"] = kinds
    for k in ("log_wall_s", "log_role_blocked_s", "log_cpu_s", "log_lost", "log_torn"):
        s[k] = median(res.get("log", []), k)
        s[k + "_range"] = spread(res.get("log", []), k)
    s["errors"] = sorted({r["error"][:200] for v in res.values() if isinstance(v, list) for r in v if "error" in r})
    return s


COLUMNS = {
    "all roles up, ms": lambda s: fmt(s["start_all_ms"]),
    "polite fail→exit, ms": lambda s: exit_time(s["polite"]),
    "exit code": lambda s: ", ".join(map(str, s["polite"]["exit_codes"])) or "–",
    "hostile fail→exit, ms": lambda s: exit_time(s["hostile"]),
    "hostile orphans": lambda s: orphans(s["hostile"]),
    "SIGTERM→exit, ms": lambda s: exit_time(s["sigterm"]),
    "SIGTERM orphans": lambda s: orphans(s["sigterm"]),
    "log wall, s": lambda s: fmt(s["log_wall_s"], 2),
    "log CPU, s": lambda s: fmt(s["log_cpu_s"], 2),
    "lost / torn": lambda s: f"{fmt(s['log_lost'])} / {fmt(s['log_torn'])}",
    "idle PSS, MiB (procs)": lambda s: f"{fmt(s['idle_pss_all_mb'], 1)} ({fmt(s['launcher_procs'])})",
    "idle CPU, ms/10 s": lambda s: fmt(s["idle_cpu_ms_per_10s"]),
    "orphans after SIGKILL": lambda s: fmt(s["sigkill_orphans"]),
}
COMPARED = {
    "start of all roles": lambda s: s["start_all_ms"],
    "polite failure → exit": lambda s: s["polite"]["exit_ms"],
    "log relay, wall": lambda s: s["log_wall_s"],
    "log relay, CPU": lambda s: s["log_cpu_s"],
    "idle memory": lambda s: s["idle_pss_all_mb"],
}


def markdown(out: dict) -> str:
    """Return the figures as a table, and what could not be measured."""
    lines = [
        f"Machine: {out['machine']}  ",
        f"N = {out['n']} roles, {out['runs']} runs, medians; log role {out['lines']:,} lines of "
        f"100 bytes; SIGTERM grace {GRACE_S} s wherever it can be set.",
        "",
        f"| launcher | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, figures in out["summary"].items():
        cells = " | ".join(column(figures) for column in COLUMNS.values())
        lines.append(f"| {name} {figures['version']} | {cells} |")
    lines += ["", *ratios(out["summary"])]
    if out["absent"]:
        lines += ["", "Absent: " + "; ".join(f"{name} ({why})" for name, why in out["absent"].items())]
    lines += [f"- {name}: {error!r}" for name, figures in out["summary"].items() for error in figures["errors"]]
    return "\n".join(lines) + "\n"


def ratios(summary: dict, ours: str = "xrstack") -> list[str]:
    """Return a table of our figures divided by each peer's; below 1 ours is better."""
    peers = [name for name in summary if not name.startswith(ours)]
    if ours not in summary or not peers:
        return []
    lines = [f"| {ours} ÷ peer | {' | '.join(peers)} |", "|---" * (len(peers) + 1) + "|"]
    for label, figure in COMPARED.items():
        mine, theirs = figure(summary[ours]), [figure(summary[peer]) for peer in peers]
        if mine is not None and any(theirs):
            lines.append(f"| {label} | {' | '.join(f'{mine / each:.2f}' if each else '–' for each in theirs)} |")
    return lines


def exit_time(scenario: dict) -> str:
    """Return how long the end took, and how often it came at all."""
    exited = scenario["exited"]
    if scenario["exit_ms"] is None:
        return f"not in {FAIL_TIMEOUT_S} s" if False in exited else "–"
    often = f" ({exited.count(True)} of {len(exited)} exited)" if False in exited else ""
    return fmt(scenario["exit_ms"]) + often


def orphans(scenario: dict) -> str:
    """Return how many processes were left, and of which kind."""
    if scenario["orphans"] is None:
        return "–"
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(scenario["orphans_by_kind_worst"].items()))
    return fmt(scenario["orphans"]) + (f" ({kinds})" if kinds else "")


def machine() -> str:
    """Return what the figures were measured on."""
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in cpu_lines if line.startswith("model name")), "unknown")
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gib = int(memory.group(1)) // 1048576 if memory else 0
    system = f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({cpu}), {gib} GiB, {system}"
