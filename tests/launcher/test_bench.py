"""The benchmark measures: a small run of it, against the launcher itself."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "launcher_bench.py"
XRSTACK = Path(sys.executable).parent / "xrstack"


def test_a_small_run_has_every_figure(tmp_path: Path) -> None:
    command = [sys.executable, BENCH, "--ours", f"{XRSTACK} up {{file}}", "--peers", "none", "--out", tmp_path / "out"]
    command += ["--n", "5", "--runs", "1", "--lines", "2000", "--only", "start,polite,log"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=100)
    summary = json.loads((tmp_path / "out.json").read_text())["summary"]
    assert set(summary) == {"xrstack", "xrstack-first"}
    for figures in summary.values():
        assert figures["errors"] == []
        assert figures["start_all_ms"] > 0
        assert figures["polite"]["exit_codes"] == [7]
        assert (figures["log_lost"], figures["log_torn"]) == (0, 0)
    assert "| xrstack-first " in (tmp_path / "out.md").read_text()
