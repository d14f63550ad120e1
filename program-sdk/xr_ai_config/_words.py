"""Pydantic's findings in the words of this package: what is wrong, what was expected, what repairs it."""

from dataclasses import dataclass
from typing import Any

from xr_ai_config._suggest import did_you_mean

_EXPECTED_BY_TYPE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "url_parsing": "a URL",
}
_WRITTEN = "Input should be "
_VALUE = "Value error, "


@dataclass(frozen=True, slots=True)
class Finding:
    """One validation error: ``message`` is empty when "expected …, found …" says it all."""

    message: str
    expected: str = ""
    hint: str = ""


def finding(error: dict[str, Any], value: Any) -> Finding:
    """Put one entry of ``ValidationError.errors()`` into words; ``value`` is what the file holds there."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return Finding("required key is missing")
    if kind in {"literal_error", "enum"}:
        return _choice(str(context["expected"]), value)
    if kind in _EXPECTED_BY_TYPE:
        return Finding("wrong type", _EXPECTED_BY_TYPE[kind], _quote_hint(kind, value))
    if kind in {"value_error", "assertion_error"}:
        return Finding(_sentence(str(context.get("error", error["msg"]))))
    message = str(error["msg"])
    if message.startswith(_WRITTEN):
        return Finding("wrong value", message.removeprefix(_WRITTEN))
    return Finding(_sentence(message))


def _choice(expected: str, value: Any) -> Finding:
    names = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]
    return Finding(
        "wrong value", expected.replace("'", "`"), did_you_mean(value, names) if isinstance(value, str) else ""
    )


def _quote_hint(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return f'quote it: "{written}"'
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return "remove the quotes" if _looks_like(kind, value) else ""
    return ""


def _looks_like(kind: str, value: str) -> bool:
    if kind == "bool_type":
        return value in {"true", "false"}
    try:
        float(value)
    except ValueError:
        return False
    return True


def _sentence(text: str) -> str:
    return text.removeprefix(_VALUE).rstrip(".")
