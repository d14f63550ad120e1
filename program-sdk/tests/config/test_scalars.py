"""Unquoted words: YAML 1.2's types, and a refusal for every word that readers of YAML disagree about."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import yaml
from xr_ai_config import Trap, resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("10ms", "10ms"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("8080:80", "8080:80"),
        ("2026-11-20", "2026-11-20"),
        ("y", "y"),
        ("node", "node"),
        ("0.18.0", "0.18.0"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    result = resolve_plain(text)
    assert result == value
    assert type(result) is type(value)


def test_not_a_number_is_one() -> None:
    assert math.isnan(resolve_plain(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["yes", "No", "ON", "off", "True", "FALSE", "012", "-007", "0_1", "1:30", "22:22", "1_000"]
)
def test_words_that_readers_disagree_about_are_traps_with_a_repair(text: str) -> None:
    trap = resolve_plain(text)
    assert isinstance(trap, Trap)
    assert f'"{text}"' in trap.repair or text.replace("_", "") in trap.repair


@given(st.text(alphabet="0123456789.:_-+eExXoOyYnNtrufalsTRUEFALSO~ ", max_size=8).map(str.strip))
def test_whatever_is_not_a_trap_is_safe_with_a_yaml_1_1_reader_or_becomes_text_or_a_number_there(text: str) -> None:
    """No word silently becomes another boolean or integer than in PyYAML (1.1): we agree, refuse, or one sees text."""
    ours = resolve_plain(text)
    if isinstance(ours, Trap):
        return
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    theirs = loader.construct_object(yaml.ScalarNode(tag, text)) if tag.endswith((":bool", ":int")) else text
    if isinstance(ours, bool) or isinstance(theirs, bool):
        assert ours is theirs
    elif isinstance(ours, int) and isinstance(theirs, int):
        assert ours == theirs
