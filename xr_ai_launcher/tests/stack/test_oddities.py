"""What is allowed but seldom meant is said, and nothing else is."""

from typing import Any

import pytest


def _warnings(folder: Any, role: str) -> tuple[str, ...]:
    return folder.load(f"stack: s\nroles:\n  web: {{command: python, {role}}}\n").plan.warnings  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("ports: {http: 8000}, ready: {tcp: 8001}", "8001"),
        ("ports: {http: 8000}, ready: {tcp: 'localhost:8001'}", "8001"),
        ("ports: {http: 8000}, ready: {http: 'http://127.0.0.1/health'}", "80"),
        ("ports: {http: 8000}, ready: {mcp: 'http://127.0.0.1:8002/mcp'}", "8002"),
    ],
)
def test_a_probe_of_a_port_that_the_role_does_not_name(folder: Any, role: str, asked: str) -> None:
    (warning,) = _warnings(folder, role)
    assert warning.startswith("stack.yaml:3:")
    assert warning.endswith(f": web is asked on port {asked}, its ports are http 8000")


@pytest.mark.parametrize(
    "role",
    [
        "ports: {http: 8000}, ready: {tcp: http}",
        "ports: {http: 8000}, ready: {http: 'http://127.0.0.1:8000/'}",
        "ports: {http: 8000}, ready: {http: 'http://192.0.2.1:9000/'}",
        "ports: {http: 8000}, ready: {log: up}",
        "ready: {tcp: 8000}",
        "ports: {http: 8000}, ready: {tcp: 8001}, enabled: false",
        "env: {PRICE: 5$ or $XRSTACK_NEVER_SET}",
    ],
)
def test_what_may_well_be_meant_is_not_mentioned(folder: Any, role: str) -> None:
    assert _warnings(folder, role) == ()


def test_a_variable_of_the_shell_in_the_environment(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRSTACK_SET", "x")
    (warning,) = _warnings(folder, "env: {DATA: $XRSTACK_SET/data}")
    assert warning == (
        "stack.yaml:3:38: DATA of web holds `$XRSTACK_SET` as it is; for its value write ${env.XRSTACK_SET}"
    )
