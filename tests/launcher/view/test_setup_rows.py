"""Setup steps on a terminal: a row with a bar for each."""

import contextlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]

SIZE_BYTES = 4 << 20
STACK = """\
stack: s
setup:
  fetched: {{export: FETCHED, binary: [{{download: {{url: "{url}/tool", to: tools}}}}]}}
  built: {{run: [sh, -c, "echo compiling; while ! test -e go; do sleep 0.05; done; touch made"], creates: made}}
  after: {{run: [touch, last], creates: last, needs: [built]}}
roles: {{a: {{command: sleep 600}}}}
"""


class HalfServer(http.server.ThreadingHTTPServer):
    """Sends half of a file, and the rest when told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: HalfServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE_BYTES))
        self.end_headers()
        self.wfile.write(b"x" * (SIZE_BYTES // 2))
        self.wfile.flush()
        self.server.go_on.wait(30)
        with contextlib.suppress(ConnectionError):  # the launcher may have been stopped meanwhile
            self.wfile.write(b"x" * (SIZE_BYTES // 2))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HalfServer]:
    with HalfServer() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.go_on.set()
        made.shutdown()
        thread.join()


def test_each_step_has_a_bar_and_the_terminal_comes_back(
    tmp_path: Path, on_terminal: Start, server: HalfServer
) -> None:
    (tmp_path / "stack.yaml").write_text(STACK.format(url=f"http://127.0.0.1:{server.server_port}"))
    terminal = on_terminal("up", "--setup-only", columns=100, lines=24)
    terminal.wait_for(lambda: re.search(r"◐ fetched  ━{12}─{12} .* 50 %  2 MiB of 4 MiB", terminal.text), "half a bar")
    terminal.wait_for(lambda: re.search(r"◐ built    [─━]*━━━━━[─━]* ", terminal.text), "a bar without an end")
    assert re.search(r"○ after    ─{24} +waits for built", terminal.text)
    assert re.search(r"── setup · 0 of 3 done · \d+ s ─+$", terminal.text, re.MULTILINE)
    terminal.wait_for_text("built │ compiling")
    (tmp_path / "go").touch()
    terminal.wait_for(lambda: re.search(r"● after    ━{24}", terminal.text), "a step that is done")
    server.go_on.set()
    assert terminal.wait_for_end() == 0
    assert "── setup" not in terminal.text
    assert not terminal.is_cursor_hidden
    assert (tmp_path / "tools/tool").stat().st_size == SIZE_BYTES


def test_ctrl_c_gives_the_terminal_back(tmp_path: Path, on_terminal: Start, server: HalfServer) -> None:
    (tmp_path / "stack.yaml").write_text(STACK.format(url=f"http://127.0.0.1:{server.server_port}"))
    terminal = on_terminal("up", "--setup-only")
    terminal.wait_for_text("0 of 3 done")
    terminal.type("\x03")
    assert terminal.wait_for_end() == 130
    assert "── setup" not in terminal.text
    assert not terminal.is_cursor_hidden
