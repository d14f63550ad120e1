"""The frame around every program, run as the real process it is: arguments, readiness, signals, exit codes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kit.processes import own_port

from xr_ai_program.testing import eventually, running_program

DEADLINE_S = 60  # two busy cores and a cold cache
TOY = """
import asyncio, logging, sys, threading, warnings
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from xr_ai_program import Readiness, StartupError, run_program
from xr_ai_program.http import serve_http


class ToyConfig(BaseModel):
    port: int = 0
    mode: str = "wait"


async def serve(config: ToyConfig, readiness: Readiness) -> None:
    readiness.status("warming up")
    if config.mode == "refuse":
        raise StartupError("no camera is connected; plug one in")
    if config.mode == "crash":
        raise RuntimeError("a bug")
    if config.mode == "http":
        app = Starlette(routes=[Route("/health", lambda request: PlainTextResponse("ok"))])
        await serve_http(app, "127.0.0.1", config.port, readiness, ready_text="serving")
        return
    if config.mode == "done":
        return
    if config.mode == "thread":
        thread = threading.Thread(target=lambda: 1 / 0, name="counter")
        thread.start()
        thread.join()
        warnings.warn("old\\nways")
        logging.getLogger("toy").info("two\\nlines \\u2028 and %s", "an argument")
        return
    readiness.ready("waiting")
    try:
        await asyncio.Event().wait()
    finally:
        if config.mode == "slow":
            print("cleaning", flush=True)
            await asyncio.to_thread(lambda: open("gate").close())
        print("cleaned up", flush=True)


code = run_program("toy", ToyConfig, serve, description="A program for tests.")
print("returned", code, flush=True)
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def _run(*arguments: str, config: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    if config is not None:
        Path("given.yaml").write_text(textwrap.dedent(config))
        arguments = ("--config", "given.yaml", *arguments)
    command = [sys.executable, "-m", "toy", *arguments]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S, env=env)


def _entries(result: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_good_configuration_is_checked_without_starting() -> None:
    result = _run("--check", config="mode: crash\n")
    assert (result.returncode, result.stdout) == (0, "returned 0\n")
    assert result.stderr == "toy: configuration is valid\n"


def test_a_bad_configuration_ends_with_2_and_every_problem() -> None:
    result = _run(config="prot: 1\nmode: 5\n")
    assert result.returncode == 2
    assert "given.yaml:1:1: prot: unknown key; did you mean `port`?" in result.stderr
    assert 'given.yaml:2:7: mode: wrong type; expected text, found number 5; quote it: "5"' in result.stderr
    assert "Traceback" not in result.stderr


def test_unknown_arguments_end_with_2() -> None:
    assert _run("--prot", "1").returncode == 2


def test_a_file_of_the_programs_name_in_the_working_folder_is_its_configuration() -> None:
    Path("toy.yaml").write_text("nonsense: 1\n")
    result = _run("--check")
    assert result.returncode == 2
    assert "toy.yaml:1:1: nonsense: unknown key" in result.stderr


def test_what_a_user_can_repair_is_said_without_a_traceback() -> None:
    result = _run(config="mode: refuse\n")
    assert result.returncode == 1
    assert "no camera is connected; plug one in" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bug_keeps_its_traceback() -> None:
    result = _run(config="mode: crash\n")
    assert result.returncode == 1
    assert "RuntimeError: a bug" in result.stderr
    assert result.stdout == "returned 1\n", "a caller that has more to end must get its turn"


def test_a_program_that_is_done_ends_with_0() -> None:
    assert _run(config="mode: done\n").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_after_its_own_clean_up(number: signal.Signals) -> None:
    with running_program("toy", {"mode": "wait"}) as program:
        program.process.send_signal(number)
        assert program.process.wait(DEADLINE_S) == 0
        assert "cleaned up" in program.output()


def test_a_second_signal_does_not_cut_the_clean_up_short() -> None:
    with running_program("toy", {"mode": "slow"}, cwd=Path.cwd()) as program:
        os.mkfifo("gate")
        program.process.send_signal(signal.SIGTERM)
        asyncio.run(eventually(lambda: "cleaning" in program.output()))
        program.process.send_signal(signal.SIGINT)
        asyncio.run(eventually(lambda: "stopping already" in program.output()))
        Path("gate").write_text("")
        assert program.process.wait(DEADLINE_S) == 0
        assert "cleaned up" in program.output()


# --- the log ---


def test_a_log_of_json_is_one_object_a_line_whatever_is_said() -> None:
    result = _run(config="mode: thread\n", XR_AI_LOG_FORMAT="json")
    failed, warned, said = _entries(result)

    assert (failed["level"], failed["message"]) == ("CRITICAL", "thread counter failed")
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")
    assert "UserWarning: old\nways" in warned["message"]
    assert (said["level"], said["program"], said["logger"]) == ("INFO", "toy", "toy")
    assert said["message"] == "two\nlines \u2028 and an argument"
    assert "exception" not in said
    assert datetime.fromisoformat(said["time"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("config", "arguments", "code", "level", "words"),
    [
        ("mode: crash\n", (), 1, "CRITICAL", "a fault of toy's own ends it"),
        ("mode: refuse\n", (), 1, "ERROR", "no camera is connected"),
        ("prot: 1\n", (), 2, "ERROR", "given.yaml:1:1: prot: unknown key"),
        ("port: 1\n", ("--check",), 0, "INFO", "toy: configuration is valid"),
    ],
)
def test_what_a_program_answers_is_in_a_log_of_json_too(
    config: str, arguments: tuple[str, ...], code: int, level: str, words: str
) -> None:
    result = _run(*arguments, config=config, XR_AI_LOG_FORMAT="json")
    (entry,) = _entries(result)

    assert (result.returncode, entry["level"]) == (code, level)
    assert entry["message"].startswith(words)
    assert ("RuntimeError: a bug" in entry.get("exception", "")) == ("crash" in config)


def test_a_format_that_there_is_not_is_an_error_of_the_configuration() -> None:
    result = _run(config="mode: done\n", XR_AI_LOG_FORMAT="jsn")

    assert result.returncode == 2
    assert result.stderr == (
        'XR_AI_LOG_FORMAT: wrong value; expected `text` or `json`, found text "jsn"; did you mean `json`?\n'
    )


def test_help_tells_what_the_environment_decides() -> None:
    result = _run("--help")

    assert result.returncode == 0
    for word in ("--config", "--check", "XR_AI_LOG_FORMAT=json", "XR_AI_VERBOSE=1", "XR_AI_LOG_NAMES=1"):
        assert word in result.stdout


# --- readiness and signs of life ---


def test_readiness_is_a_file_and_a_message_and_progress_comes_before(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("notify")
        notify.settimeout(DEADLINE_S)
        command = [sys.executable, "-m", "toy", "--ready-file", "deep/er/ready"]
        with subprocess.Popen(command, env={"PYTHONPATH": str(tmp_path), "NOTIFY_SOCKET": "notify"}) as process:
            assert notify.recv(4096) == b"STATUS=warming up"
            assert notify.recv(4096) == b"READY=1\nSTATUS=waiting"
            assert Path("deep/er/ready").exists()
            process.terminate()
            assert notify.recv(4096) == b"STOPPING=1"
        assert process.returncode == 0


@pytest.mark.parametrize("is_meant", [True, False])
def test_signs_of_life_are_given_to_who_wants_them_of_this_process(tmp_path: Path, is_meant: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("notify")
        notify.settimeout(DEADLINE_S)
        watchdog = {"WATCHDOG_USEC": "100000"} | ({} if is_meant else {"WATCHDOG_PID": "1"})
        env = {"PYTHONPATH": str(tmp_path), "NOTIFY_SOCKET": "notify", **watchdog}
        with subprocess.Popen([sys.executable, "-m", "toy"], env=env) as process:
            heard: list[bytes] = []
            awaited = [b"WATCHDOG=1"] * 3 if is_meant else [b"READY=1\nSTATUS=waiting"]
            while heard.count(awaited[0]) < len(awaited):
                heard.append(notify.recv(4096))
            process.terminate()
            while heard[-1] != b"STOPPING=1":
                heard.append(notify.recv(4096))
    assert (b"WATCHDOG=1" in heard) == is_meant


def test_an_http_program_is_ready_only_once_it_answers_and_stops_cleanly() -> None:
    port = own_port()
    with running_program("toy", {"mode": "http", "port": port}) as program:
        assert httpx2.get(f"http://127.0.0.1:{port}/health").text == "ok"
        assert program.stop() == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/health")


def test_a_taken_port_is_one_sentence_with_the_repair() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = _run(config=f"mode: http\nport: {port}\n")
    assert result.returncode == 1
    assert (
        f"cannot listen on 127.0.0.1:{port}: Address already in use. Stop the program that holds the port"
        in result.stderr
    )
    assert "Traceback" not in result.stderr
