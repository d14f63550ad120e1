"""Downloads in networks with a proxy or a mirror: a real forward proxy, a real TLS server, real refusals."""

import base64
import http.server
import os
import select
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from xr_ai_launcher._setup.proxies import proxy_for
from xr_ai_launcher._stack.plan import BinaryStep, DockerSource, DownloadSource, SetupPlan

POLL_S = 0.01
HOST = "downloads.example"
"""A name that no resolver knows: whoever reaches it went through the proxy."""


def step(url: str, folder: Path, **fields: Any) -> SetupPlan:
    return SetupPlan("tool", BinaryStep((DownloadSource(url, folder, **fields),)), export="TOOL_BIN")


class ForwardProxy:
    """An HTTP proxy on a free port: forwards plain requests, tunnels CONNECT, and leads `HOST` to this machine."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.password = ""
        self.denies = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                if outer.admits(self):
                    self.send_response(200)
                    self.end_headers()
                    _tunnel(self.connection, outer.connect(self.path))
                    self.close_connection = True

            def do_GET(self) -> None:
                if outer.admits(self):
                    parts = urlsplit(self.path)
                    with outer.connect(parts.netloc) as upstream:
                        upstream.sendall(f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
                        while data := upstream.recv(1 << 16):
                            self.connection.sendall(data)
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def admits(self, request: http.server.BaseHTTPRequestHandler) -> bool:
        self.seen.append(f"{request.command} {request.path}")
        wanted = f"Basic {base64.b64encode(self.password.encode()).decode()}"
        if self.password and request.headers.get("Proxy-Authorization") != wanted:
            request.send_response(407)
            request.send_header("Proxy-Authenticate", "Basic")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return False
        if self.denies:
            request.send_error(403)
        return not self.denies

    def connect(self, netloc: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(netloc.rpartition(":")[2])), timeout=20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _tunnel(ours: socket.socket, theirs: socket.socket) -> None:
    with theirs:
        while True:
            for source in select.select([ours, theirs], [], [])[0]:
                data = source.recv(1 << 16)
                if not data:
                    return
                (theirs if source is ours else ours).sendall(data)


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    running = ForwardProxy()
    yield running
    running.close()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a TLS server for `HOST`, and the file with the authority that signed its certificate."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "tool").write_bytes(b"#!/bin/sh\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    yield server.server_port, trusted
    server.shutdown()
    server.server_close()


def test_plain_and_encrypted_downloads_go_through_the_proxy(prepare, proxy, server, tls, tmp_path):
    port, trusted = tls
    plain = server.url("file/tool").replace("127.0.0.1", HOST)
    env = {"HTTP_PROXY": proxy.address, "HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": str(trusted), "NO_PROXY": ""}
    for folder, url in (("plain", plain), ("encrypted", f"https://{HOST}:{port}/tool")):
        run = prepare(step(url, tmp_path / folder), env=env)
        assert run.wait() == 0, run.stderr
        assert (tmp_path / folder / "tool").read_bytes() in (server.content, b"#!/bin/sh\n")
    assert proxy.seen == [f"GET {plain}", f"CONNECT {HOST}:{port}"]


def test_no_proxy_is_honoured(prepare, proxy, server, tmp_path):
    env = {"http_proxy": proxy.address, "no_proxy": "localhost, 127.0.0.1"}
    assert prepare(step(server.url("file/tool"), tmp_path / "deps"), env=env).wait() == 0
    assert proxy.seen == []


def test_a_proxy_that_wants_a_password_gets_it_or_says_where_to_write_it(prepare, proxy, tls, tmp_path):
    port, trusted = tls
    proxy.password = "me:hush"
    wanted = step(f"https://{HOST}:{port}/tool", tmp_path / "deps")
    env = {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": str(trusted), "NO_PROXY": ""}
    run = prepare(wanted, env=env)
    assert run.wait() == 5
    netloc = urlsplit(proxy.address).netloc
    assert f"the proxy {proxy.address} (HTTPS_PROXY) wants a user name and a password (407" in run.stderr
    assert f"write them into HTTPS_PROXY: http://USER:PASSWORD@{netloc}" in run.stderr
    assert prepare(wanted, env={**env, "HTTPS_PROXY": f"http://me:hush@{netloc}"}).wait() == 0


def test_a_plain_request_that_the_proxy_refuses_names_it(prepare, proxy, server, tmp_path):
    wanted = step(server.url("file/tool").replace("127.0.0.1", HOST), tmp_path / "deps")
    env = {"HTTP_PROXY": proxy.address.replace("//", "//me:wrong@"), "NO_PROXY": ""}
    proxy.denies = True
    run = prepare(wanted, env=env)
    assert run.wait() == 5
    assert f"the server answered 403 Forbidden (through the proxy {proxy.address} (HTTP_PROXY))" in run.stderr
    proxy.password = "me:right"
    run = prepare(wanted, env=env)
    assert run.wait() == 5
    assert "wants a user name and a password (407" in run.stderr
    assert "wrong" not in run.stderr, "the password is shown to nobody"


def test_a_proxy_that_refuses_the_host_says_what_helps(prepare, proxy, tmp_path):
    proxy.denies = True
    run = prepare(step(f"https://{HOST}/tool", tmp_path / "deps"), env={"HTTPS_PROXY": proxy.address, "NO_PROXY": ""})
    assert run.wait() == 5
    assert f"the proxy {proxy.address} (HTTPS_PROXY) refuses: 403 Forbidden; have {HOST} allowed there" in run.stderr
    assert len(proxy.seen) == 1, "a refusal is not asked for again"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "cannot connect to the proxy http://127.0.0.1:9 (ALL_PROXY): [Errno 111] Connection "),
        ("ftp://127.0.0.1:9", "the proxy ftp://127.0.0.1:9 (ALL_PROXY) cannot be used: expected http://HOST:PORT"),
        ("socks5://127.0.0.1:9", "(ALL_PROXY) cannot be used: expected http://HOST:PORT (Using SOCKS proxy, but"),
    ],
)
def test_a_proxy_of_no_use_is_named_with_its_variable(prepare, tmp_path, address, words):
    run = prepare(step(f"https://{HOST}/tool", tmp_path / "deps"), env={"ALL_PROXY": address, "NO_PROXY": ""})
    assert run.wait() == 5
    assert words in run.stderr


def test_a_certificate_of_the_network_itself_names_the_variable(prepare, proxy, tls, tmp_path):
    port, _ = tls
    env = {"HTTPS_PROXY": proxy.address, "NO_PROXY": ""}
    run = prepare(step(f"https://{HOST}:{port}/tool", tmp_path / "deps"), env=env)
    assert run.wait() == 5
    assert "the server's certificate is not trusted" in run.stderr
    assert "name its file in SSL_CERT_FILE" in run.stderr


def test_the_proxy_is_found_as_other_programs_find_it():
    lower_wins = {"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1", "no_proxy": ".corp.example,plain"}
    assert str(proxy_for("https://x.org/y", lower_wins)) == "the proxy http://a:1 (https_proxy)"
    assert proxy_for("https://deep.corp.example/", lower_wins) is None
    assert proxy_for("https://plain:8443/", lower_wins) is None
    assert proxy_for("http://x.org/", lower_wins) is None
    assert str(proxy_for("http://x.org/", {"ALL_PROXY": "u:p@h:3"})) == "the proxy http://h:3 (ALL_PROXY)"


def test_a_mirror_is_asked_first_and_the_origin_is_left_alone(prepare, server, tmp_path):
    wanted = step(f"https://{HOST}/tool", tmp_path / "deps", sha256=server.sha256, mirrors=(server.url("file/tool"),))
    run = prepare(wanted)
    assert run.wait() == 0, run.stderr
    assert server.requests == [("/file/tool", None)]
    assert prepare(step(f"https://{HOST}/tool", tmp_path / "deps")).wait() == 0, "it counts as the original"


@pytest.mark.parametrize(
    ("path", "reason"), [("missing/tool", "the server answered 404 Not Found"), ("file/old", "wrong checksum")]
)
def test_a_mirror_that_has_it_not_or_wrong_is_passed_over(prepare, server, tmp_path, path, reason):
    mirror, origin = server.url(path), server.url("truncate/tool")
    contents = {"/file/old": b"an older one"}
    whole, send = server.content, server._send

    def answer(request, kind):
        server.content = contents.get(request.path, whole)
        send(request, kind)

    server._send = answer
    run = prepare(step(origin, tmp_path / "deps", sha256=server.sha256, mirrors=(mirror,)))
    assert run.wait() == 0, run.stderr
    assert f"setup tool: mirror {mirror}: {reason}" in run.stderr
    assert (tmp_path / "deps/tool").read_bytes() == whole


def test_an_image_is_pulled_from_its_mirror_and_keeps_its_name(prepare, tmp_path):
    script = 'echo "$@" >> "$CALLS"; case "$1" in image) echo "Error: No such image: x" >&2; exit 1;; esac'
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    source = DockerSource("vendor/tool:1", tmp_path / "deps", mirrors=("registry.local/vendor/tool:1",))
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls)}
    run = prepare(SetupPlan("tool", BinaryStep((source,)), export="TOOL_BIN"), env=env)
    assert run.wait() == 0, run.stderr
    expected = ["pull --quiet registry.local/vendor/tool:1", "tag registry.local/vendor/tool:1 vendor/tool:1"]
    assert calls.read_text().splitlines()[1:] == expected
    assert "vendor/tool:1" in Path(run.exports["TOOL_BIN"]).read_text()


def _docker_commands(folder: Path) -> Iterator[Path]:
    """The docker command of this machine, if it has one, and one that says the same."""
    fake = folder / "docker"
    words = "Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?"
    fake.write_text(f"#!/bin/sh\necho '{words}' >&2; exit 1\n")
    fake.chmod(0o755)
    yield fake
    real = shutil.which("docker")
    if real is not None:
        yield Path(real)


def test_docker_without_its_daemon_says_so_and_the_next_source_is_tried(prepare, tmp_path):
    for number, docker in enumerate(_docker_commands(tmp_path)):
        image = DockerSource("vendor/tool:1", tmp_path / f"deps{number}")
        alone, followed = BinaryStep((image,)), BinaryStep((image, DownloadSource("http://127.0.0.1:9/x", tmp_path)))
        env = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock"}
        run = prepare(SetupPlan("tool", alone, export="TOOL_BIN"), env=env)
        assert run.wait() == 5
        assert "start Docker, for instance with `sudo systemctl start docker`" in run.stderr, docker
        assert "pulling" not in run.stderr, "there is nobody to pull"
        run = prepare(SetupPlan("tool", followed, export="TOOL_BIN"), env=env)
        assert run.wait() == 5
        assert run.stderr.index("start Docker") < run.stderr.index("downloading http://127.0.0.1:9/x")
