"""Mirrors: of the stack file, of a profile or overlay, and of the environment, which wins."""

from typing import Any

import pytest

from xr_ai_launcher._stack.mirrors import Mirrors
from xr_ai_launcher._stack.plan import BinaryStep

STACK = """\
stack: s
mirrors: {"https://a.org/files/": "https://m.local/a/", "vendor": registry.local/vendor}
setup:
  tool:
    export: TOOL
    binary:
      - download: {url: "https://a.org/files/x/tool.zip", to: deps}
      - docker: {image: "vendor/tool:1", to: deps}
roles: {web: {command: python}}
"""


def _found(folder: Any, **options: Any) -> list[tuple[str, ...]]:
    step = folder.load(STACK, **options).plan.setup[0].step
    assert isinstance(step, BinaryStep)
    return [source.mirrors for source in step.sources]


def test_downloads_and_images_get_their_mirrors(folder: Any) -> None:
    assert _found(folder) == [("https://m.local/a/x/tool.zip",), ("registry.local/vendor/tool:1",)]


def test_the_environment_wins_and_adds(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRSTACK_MIRRORS", "https://a.org=http://near:8081/a.org  https://a.org/files/=http://here")
    assert _found(folder)[0] == ("http://here/x/tool.zip", "http://near:8081/a.org/files/x/tool.zip")


@pytest.mark.parametrize(
    ("prefix", "mirror", "moved"),
    [
        ("https://a.org", "https://m", "https://m/x"),
        ("https://a.org/", "https://m/", "https://m/x"),
        ("https://a.org/", "https://m", "https://m/x"),
        ("https://a.org", "https://m/", "https://m/x"),
        ("https://a.or", "https://m", None),
        ("https://a.org/x", "https://m/y", "https://m/y"),
    ],
)
def test_whole_parts_of_an_address_are_replaced(prefix: str, mirror: str, moved: str | None) -> None:
    assert Mirrors({prefix: mirror}).of("https://a.org/x") == (() if moved is None else (moved,))


def test_what_is_no_mirror_is_refused_where_it_is_written(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRSTACK_MIRRORS", "https://a.org=http://m nonsense")
    found = folder.errors(STACK.replace("registry.local", "https://registry.local"))
    assert found[0].startswith("XRSTACK_MIRRORS:1:24: not a mirror; expected words such as https://")
    assert found[1].startswith("stack.yaml:2:67: mirrors.vendor: not a mirror; expected the beginning of an address")
