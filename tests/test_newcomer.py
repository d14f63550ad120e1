"""The first hour of somebody who knows nothing but the README: its example runs, every mistake in it explains itself.

The three programs are real ones; where redis-server is not installed, a few lines that answer as it does stand in.
"""

import json
import os
import re
import shutil
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.readme import README, example

from xr_ai_launcher.cli import main
from xr_ai_launcher.testing import RunningStack, free_port, launch

SCREEN_LINES = 24
STAND_IN = f"""#!{sys.executable}
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1]))) as server:
    print("Ready to accept connections", flush=True)
    while True:
        with server.accept()[0] as client:
            if client.recv(100):
                client.sendall(b"+PONG\\r\\n")
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder, and what a launcher keeps elsewhere kept beside it."""
    with pytest.MonkeyPatch.context() as context:
        folder = tmp_path_factory.mktemp("newcomer")
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            context.setenv(name, str(folder / name))
        if shutil.which("redis-server") is None:
            program = folder / "bin" / "redis-server"
            program.parent.mkdir()
            program.write_text(STAND_IN)
            program.chmod(0o755)
            context.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        yield folder


class Shop:
    """The README's stack in a folder of its own, on ports that are free."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "shop.yaml"
        self.web, self.redis = free_port(), free_port()
        self.file.write_text(example("# yaml-language-server"))

    @property
    def ports(self) -> list[str]:
        return ["--set", f"roles.web.ports.http={self.web}", "--set", f"roles.cache.ports.redis={self.redis}"]

    def break_it(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert text.count(old) == 1, f"{old!r} is in the example once"
        self.file.write_text(text.replace(old, new))

    def up(self, *options: str) -> RunningStack:
        return launch(self.file, " ".join([*self.ports, *options]), folder=self.folder)


@pytest.fixture
def shop(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path)


@pytest.fixture(scope="module")
def running(room: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, RunningStack]]:
    shop = Shop(tmp_path_factory.mktemp("running"))
    stack = shop.up()
    stack.wait_ready()
    yield shop, stack
    stack.end_all()


# -- it works as it stands there


def test_three_programs_of_others_start_and_answer(running: tuple[Shop, RunningStack]) -> None:
    shop, stack = running
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.web}/", timeout=20) as page:
        assert page.read() == b"Hello\n"
    with socket.create_connection(("127.0.0.1", shop.redis), timeout=20) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
    stack.wait_for_output("3 roles ready")
    stack.wait_for_output(f"web: http://127.0.0.1:{shop.web}/")
    assert re.search(r"^clock +│ \w+", stack.output, re.MULTILINE) or stack.wait_for_output("clock   │ ") is None


def test_it_is_steered_as_the_readme_says(
    running: tuple[Shop, RunningStack], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shop, _ = running
    monkeypatch.chdir(shop.folder)
    assert main(["ps", "--json", "shop.yaml"]) == 0
    (status,) = json.loads(capfd.readouterr().out)
    assert {role["name"]: role["state"] for role in status["roles"]} == dict.fromkeys(
        ("web", "cache", "clock"), "ready"
    )
    assert main(["restart", "--stack", "shop.yaml", "web"]) == 0
    assert "web is ready again" in capfd.readouterr().err
    assert main(["logs", "--stack", "shop.yaml", "web"]) == 0
    assert '"GET / HTTP/1.1" 200' in capfd.readouterr().out
    second = shop.up()
    try:
        assert second.wait() == 2, second.output
        assert "shop runs already" in second.output
    finally:
        second.end_all()


def test_what_is_prepared_is_not_prepared_again_and_profiles_leave_out(shop: Shop) -> None:
    for profile in ("", "--profile quiet"):
        stack = shop.up(profile)
        try:
            stack.wait_ready()
            assert ("setup page: ready" in stack.output) is (profile == "")
            stack.wait_for_output("3 roles ready" if profile == "" else "2 roles ready")
        finally:
            stack.end_all()


# -- mistakes that are found before anything starts

CACHE = "command: redis-server --port ${roles.cache.ports.redis} --save ''"
CLOCK = '[sh, -c, "while sleep 2; do date; done"]'
MISTAKES = {
    "a typo in a key": (
        CACHE,
        CACHE.replace("command", "comand"),
        "shop.yaml:14:5: roles.cache.comand: unknown key; did you mean `command`?",
    ),
    "a program that is not installed": (
        "redis-server",
        "xrstack-none",
        "shop.yaml:14:14: roles.cache.command: no program `xrstack-none` is installed here; install the package that "
        "has it (often one of the same name), correct the name, or turn the role off with `enabled: false`",
    ),
    "a typo in a program": (
        "python3 -m",
        "pyhton3 -m",
        "shop.yaml:9:14: roles.web.command: no program `pyhton3` is installed here; did you mean `python3`?",
    ),
    "wrong indentation": (
        "    ports: {redis: 6379}",
        "   ports: {redis: 6379}",
        "shop.yaml:15:4: wrong indentation; expected 4, 2 or 0 spaces before this, as in the lines above, found 3; "
        "indent this line like the ones that it belongs with",
    ),
    "a tab": (
        "    ports: {redis: 6379}",
        "\tports: {redis: 6379}",
        "shop.yaml:15:1: a tab cannot indent YAML; use spaces",
    ),
    "an unknown variable": (
        CACHE,
        "command: redis-server --port ${redis_port}",
        "shop.yaml:14:14: roles.cache.command: unknown variable `redis_port`; write it under `vars:`; known are "
        "profile, run_dir, stack, stack_dir, env.NAME, roles.NAME.ports.KEY or setup.NAME",
    ),
    "a role twice": (
        "  cache:\n",
        "  web:\n",
        "shop.yaml:13:3: roles.web: duplicate key `web`; it is already set in line 8; keep one",
    ),
    "commands joined as in a shell": (
        CLOCK,
        "echo hello && sleep 5",
        "shop.yaml:18:25: roles.clock.command: `&&` means nothing here: no shell runs this command; give it to a "
        "shell: [sh, -c, 'echo hello && sleep 5']",
    ),
    "a shell's loop": (
        CLOCK,
        "while true; do date; sleep 2; done",
        "shop.yaml:18:14: roles.clock.command: `while` is a word of the shell, not a program; give it to a shell: "
        "[sh, -c, 'while true; do date; sleep 2; done']",
    ),
    "the home folder as in a shell": (
        "--directory site",
        "--directory ~/site",
        "shop.yaml:9:90: roles.web.command: `~/site` is not replaced here: no shell runs this command; write "
        "${env.HOME}/site",
    ),
    "a variable as in a shell": (
        "--directory site",
        "--directory $HOME",
        "shop.yaml:9:90: roles.web.command: `$HOME` is not replaced here: no shell runs this command; write "
        "${env.HOME}",
    ),
    "a word that is no boolean": (
        "{clock: {enabled: false}}",
        "{clock: {enabled: no}}",
        "shop.yaml:22:30: profiles.quiet.roles.clock.enabled: `no` is a boolean to some YAML readers and text to "
        'others; write false, or "no" for the text',
    ),
    "a second colon": (
        CLOCK,
        "echo time: now",
        "shop.yaml:18:23: a second `: ` in one line; quote the value",
    ),
    "a reference in braces without quotes": (
        '"http://127.0.0.1:${roles.web.ports.http}/"}',
        "http://127.0.0.1:${roles.web.ports.http}/}",
        "shop.yaml:12:37: an unquoted `{` inside of `{…}` or `[…]`; inside {…} and […], quote a value that holds a "
        "reference",
    ),
    "a profile for other hardware": (
        "  quiet: #",
        "  quiet:\n    match: {gpus: 64}\n    # ",
        "shop.yaml:20:1: profiles: no profile fits this machine; choose one with --profile NAME, or add a profile for "
        "this machine",
    ),
    "words of a compose file": (
        "    ready: {tcp: redis}",
        "    depends_on: [web]",
        "shop.yaml:16:5: roles.cache.depends_on: unknown key; here it is called `after`",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_says_what_to_do_before_anything_starts(
    shop: Shop, mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, message = MISTAKES[mistake]
    shop.break_it(old, new)
    assert main(["check", "shop.yaml"]) in (2, 5)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == message
    assert len(said) < SCREEN_LINES


def test_the_mistake_that_the_readme_shows_looks_like_that(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.break_it(CACHE, CACHE.replace("command", "comand"))
    assert main(["up", "shop.yaml", *shop.ports]) == 2
    assert not (shop.folder / "site").exists(), "nothing was prepared, nothing was started"
    capsys.readouterr()
    assert main(["check", "shop.yaml"]) == 2
    shown = "".join(f"    {line}\n" for line in capsys.readouterr().err.splitlines()[:-1])
    assert shown in README


def test_a_port_of_somebody_else_names_who_has_it(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", shop.web)):
        assert main(["up", "shop.yaml", *shop.ports]) == 2
    said = capsys.readouterr().err
    assert f"roles.web.ports.http: port {shop.web} is taken by " in said
    assert f"(pid {os.getpid()}); stop it, or choose another port with --set roles.web.ports.http=NUMBER" in said


# -- mistakes that only show when it runs


def _end(shop: Shop, *options: str) -> tuple[int, list[str]]:
    stack = shop.up(*options)
    try:
        code = stack.wait(60)
    finally:
        stack.end_all()
    assert stack.processes() == []
    return code, stack.output.splitlines()


def _last_words(lines: list[str]) -> str:
    """What stands on the last screen."""
    return "\n".join(lines[-SCREEN_LINES:])


def test_a_role_that_fails_ends_the_stack_with_its_code_and_its_last_lines(shop: Shop) -> None:
    shop.break_it(CLOCK, '[sh, -c, "echo working; echo the battery is empty >&2; exit 3"]')
    shop.break_it("on_exit: restart #", "on_exit: fail #")
    code, lines = _end(shop)
    assert code == 3
    assert re.search(r"clock ended after .* s(, before it was ready)?: exit code 3", _last_words(lines))
    assert "xrstack │     the battery is empty" in _last_words(lines)
    assert "xrstack │ its whole log: " in _last_words(lines)


def test_a_role_that_never_answers_says_what_was_asked(shop: Shop) -> None:
    wrong = free_port()
    shop.break_it("ready: {tcp: redis}", f"ready: {{tcp: {wrong}}}\n    ready_timeout: 1s")
    code, lines = _end(shop)
    assert code == 4
    assert f"warning: shop.yaml:16:12: cache is asked on port {wrong}, its ports are redis {shop.redis}" in lines
    expected = f"cache was not ready within 1.00 s (ready_timeout): 127.0.0.1:{wrong}: connection refused"
    assert f"xrstack │ {expected}" in _last_words(lines)


def test_a_setup_step_that_fails_says_why_and_nothing_starts(shop: Shop) -> None:
    shop.break_it("mkdir -p site && echo Hello > site/index.html", "echo no room on the shelf >&2; exit 1")
    code, lines = _end(shop)
    assert code == 5
    script = "echo no room on the shelf >&2; exit 1"
    assert f"setup page: `{shutil.which('sh')} -c '{script}'` failed: exit code 1" in lines
    assert "    no room on the shelf" in _last_words(lines)
    assert "Serving HTTP" not in "\n".join(lines)
