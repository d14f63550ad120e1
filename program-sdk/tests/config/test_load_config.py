"""A program's configuration: every error at once with its place, strict types, defaults, paths, the environment."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from xr_ai_config import ConfigError, ConfigPath, KeyPath, load_config


class Codec(Enum):
    AUTO = "auto"
    HARDWARE = "hardware"


class Web(BaseModel):
    port: int = Field(8080, ge=1, le=65535)
    tls: bool = True


class Settings(BaseModel):
    web: Web = Web()
    mode: Literal["fast", "slow"] = "fast"
    codec: Codec = Codec.AUTO
    names: list[str] = []
    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    limits: dict[str, float] = {}
    url: str | None = None
    either: int | list[int] = 0
    client: ConfigPath | None = None

    @field_validator("names")
    @classmethod
    def _short(cls, value: list[str]) -> list[str]:
        if len(value) > 2:
            raise ValueError("at most two names.")
        return value


class Wanting(BaseModel):
    token: str
    web: Web


def _load(tmp_path: Path, text: str, model: type[BaseModel] = Settings) -> BaseModel:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, model)


def _errors(tmp_path: Path, text: str, model: type[BaseModel] = Settings) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, model)
    return [str(p).splitlines()[0].removeprefix(f"{tmp_path}/") for p in caught.value.problems]


def test_without_a_file_the_defaults_apply() -> None:
    assert load_config(None, Settings) == Settings()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "# all as it is\n") == Settings()


def test_values_arrive_as_the_models_types(tmp_path: Path) -> None:
    text = "web: {port: 9000}\ncodec: hardware\npoint: [1, 2.5, -3]\nlimits: {a: 1}\neither: [1, 2]\nurl: ~\n"
    settings = _load(tmp_path, text)
    assert settings == Settings(
        web=Web(port=9000), codec=Codec.HARDWARE, point=(1.0, 2.5, -3.0), limits={"a": 1.0}, either=[1, 2]
    )


def test_all_errors_come_at_once_in_reading_order(tmp_path: Path) -> None:
    text = "\n".join(
        [
            'web: {port: "80", tsl: true}',
            "mode: fasst",
            "codec: harware",
            "names: [1, true]",
            "point: [1, 2]",
            "limits: {a: x}",
            "either: {}",
            "ulr: x",
            "client: 5",
        ]
    )
    assert _errors(tmp_path, text) == [
        'p.yaml:1:13: web.port: wrong type; expected a whole number, found text "80"; remove the quotes',
        "p.yaml:1:19: web.tsl: unknown key; did you mean `tls`?",
        'p.yaml:2:7: mode: wrong value; expected `fast` or `slow`, found text "fasst"; did you mean `fast`?',
        'p.yaml:3:8: codec: wrong value; expected `auto` or `hardware`, found text "harware"; did you mean `hardware`?',
        'p.yaml:4:9: names[0]: wrong type; expected text, found number 1; quote it: "1"',
        'p.yaml:4:12: names[1]: wrong type; expected text, found true; quote it: "true"',
        "p.yaml:5:8: point[2]: required key is missing",
        'p.yaml:6:13: limits.a: wrong type; expected a number, found text "x"',
        "p.yaml:7:9: either: wrong type; expected a whole number or a list, found an empty mapping",
        "p.yaml:8:1: ulr: unknown key; did you mean `url`?",
        'p.yaml:9:9: client: wrong type; expected text, found number 5; quote it: "5"',
    ]


def test_traps_duplicates_and_wrong_values_are_reported_together_but_once_per_place(tmp_path: Path) -> None:
    errors = _errors(tmp_path, "web:\n  tls: yes\n  port: 012\nmode: slow\nmode: 5\nnames: 3\n")
    assert [error.split(": ", 2)[1] for error in errors] == ["web.tls", "web.port", "mode", "names"]


def test_the_source_line_is_shown_with_a_caret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "web:\n  port: 70000\n")
    _, line, caret = str(caught.value).splitlines()
    assert line == "    2 |   port: 70000"
    assert caret == "      |         ^^^^^"


def test_limits_and_validators_speak_in_sentences(tmp_path: Path) -> None:
    assert _errors(tmp_path, "web: {port: 0}\nnames: [a, b, c]\n") == [
        "p.yaml:1:13: web.port: wrong value; expected greater than or equal to 1, found number 0",
        "p.yaml:2:8: names: at most two names",
    ]


def test_a_missing_key_is_shown_where_it_belongs(tmp_path: Path) -> None:
    assert _errors(tmp_path, "web: {}\n", Wanting) == ["p.yaml:1:1: token: required key is missing"]


def test_required_keys_without_any_file_name_the_repair() -> None:
    with pytest.raises(
        ConfigError, match="token: required key is missing; no configuration file was given: use --config"
    ):
        load_config(None, Wanting)


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    assert _errors(tmp_path, "- a\n") == ["p.yaml:1:1: not a configuration; expected a mapping of keys, found a list"]


def test_unknown_keys_are_errors_even_if_the_model_forgot_to_say_so(tmp_path: Path) -> None:
    class Lax(BaseModel):
        model_config = ConfigDict(extra="ignore")
        a: int = 1

    assert _errors(tmp_path, "b: 1\n", Lax) == ["p.yaml:1:1: b: unknown key; known keys: a"]


def test_paths_start_from_the_files_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert _load(tmp_path, "client: ../web/./page\n").client == tmp_path.parent / "web" / "page"  # type: ignore[attr-defined]
    assert _load(tmp_path, "client: /srv\n").client == Path("/srv")  # type: ignore[attr-defined]
    assert _load(tmp_path, "client: ~/page\n").client == Path("/home/somebody/page")  # type: ignore[attr-defined]


def test_the_environment_fills_values_and_keeps_their_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_HERE", "1234")
    monkeypatch.delenv("NOT_HERE", raising=False)
    text = "web: {port: '${PORT_HERE}', tls: \"${NOT_HERE:-false}\"}\nnames: ['${PORT_HERE}']\n"
    text += "url: http://x:${NOT_HERE:-80}/$${x}\n"
    assert _load(tmp_path, text) == Settings(web=Web(port=1234, tls=False), url="http://x:80/${x}", names=["1234"])
    assert _load(tmp_path, "web:\n  port: ${PORT_HERE}\n") == Settings(web=Web(port=1234))


def test_a_value_of_the_environment_is_checked_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_HERE", "no")
    assert _errors(tmp_path, 'web: {port: "${PORT_HERE}"}\nmode: ${PORT_HERE}\n') == [
        'p.yaml:1:13: web.port: wrong type; expected a whole number, found text "no"',
        'p.yaml:2:7: mode: wrong value; expected `fast` or `slow`, found text "no"',
    ]


def test_an_unquoted_reference_in_a_flow_mapping_says_why_it_fails(tmp_path: Path) -> None:
    assert (
        "; inside {…} and […], quote a value that holds a reference"
        in _errors(tmp_path, "web: {port: ${PORT_HERE}}\n")[0]
    )


def test_a_variable_that_is_not_set_is_an_error_with_its_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_HERE", raising=False)
    assert _errors(tmp_path, "url: a${NOT_HERE}\nmode: ${NOT_HERE\n") == [
        "p.yaml:1:6: url: environment variable NOT_HERE is not set; set it, or write `${NOT_HERE:-default}`",
        "p.yaml:2:7: mode: `${NOT_HERE` is not closed; write `${name}`, or `$${` for the text `${`",
    ]


def test_problems_are_data_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "web: {port: x}\n")
    assert caught.value.problems[0].as_json() == {
        "file": str(tmp_path / "p.yaml"),
        "line": 1,
        "column": 13,
        "key": "web.port",
        "message": "wrong type",
        "expected": "a whole number",
        "found": 'text "x"',
        "hint": None,
    }


class Account(BaseModel):
    password: SecretStr = SecretStr("")


class Guarded(BaseModel):
    accounts: list[Account] = []
    either: int | SecretStr = 0
    port: int = 80


def test_secrets_are_in_no_message_wherever_they_stand(tmp_path: Path) -> None:
    text = "accounts: [{password: 7}, {password: hush, prot: 1},\n  {passwrod: hush}]\neither: [hush]\nport: x\n"
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, Guarded)

    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "p.yaml:1:23: accounts[0].password: wrong type; expected text; put it in quotes",
        "p.yaml:1:44: accounts[1].prot: unknown key; known keys: password",
        "p.yaml:2:4: accounts[2].passwrod: unknown key; did you mean `password`?",
        "p.yaml:3:9: either: wrong type; expected a whole number or text",
        'p.yaml:4:7: port: wrong type; expected a whole number, found text "x"',
        "    4 | port: x",
        "      |       ^",
    ]


def test_what_a_model_cannot_know_is_found_with_everything_else(tmp_path: Path) -> None:
    def examine(values: dict[str, Any], folder: Path) -> Iterator[tuple[KeyPath, str]]:
        assert folder == tmp_path
        if values["web"]["port"] == values["limits"]["port"]:
            yield ("limits", "port"), "the web has this port already"

    path = tmp_path / "p.yaml"
    path.write_text("web: {port: 81}\nlimits: {port: 81}\nmode: slwo\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, Settings, examine)

    assert [str(problem).splitlines()[0].removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "p.yaml:2:16: limits.port: the web has this port already",
        'p.yaml:3:7: mode: wrong value; expected `fast` or `slow`, found text "slwo"; did you mean `slow`?',
    ]
    path.write_text("web: {port: 81}\nlimits: {port: 82}\n")
    assert load_config(path, Settings, examine).web.port == 81
