"""What an unquoted YAML word means: YAML 1.2's core types, and the words that YAML 1.1 would silently change."""

import re
from dataclasses import dataclass

Scalar = str | int | float | bool | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "false": False}
_BOOL_LOOKALIKES = re.compile(r"(?i:yes|no|on|off|true|false)\Z")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_PREFIXED_INTEGER = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+\Z")
_UNDERSCORED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?\Z")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")


@dataclass(frozen=True, slots=True)
class Trap:
    """An unquoted word that readers of YAML disagree about; ``message`` says how, ``repair`` what to write."""

    message: str
    repair: str


def resolve_plain(text: str) -> Scalar | Trap:
    """Return the value of an unquoted scalar, or the trap it is."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    trap = _trap(text)
    return trap if trap is not None else _number_or_text(text)


def _trap(text: str) -> Trap | None:
    quoted = f'"{text}"'
    if _BOOL_LOOKALIKES.match(text):
        truth = "true" if text.lower() in {"yes", "on", "true"} else "false"
        return Trap(
            f"`{text}` is a boolean to some YAML readers and text to others", f"write {truth}, or {quoted} for the text"
        )
    if _LEADING_ZERO.match(text):
        number = text.replace("_", "").lstrip("+-0") or "0"
        return Trap(
            f"`{text}` is octal to some YAML readers and decimal to others", f"write {number}, or {quoted} for the text"
        )
    if _BASE_60.match(text):
        return Trap(f"`{text}` is a base-60 number to some YAML readers", f"write {quoted}")
    if _UNDERSCORED.match(text):
        number = text.replace("_", "")
        return Trap(
            f"`{text}` is a number to some YAML readers and text to others", f"write {number}, or {quoted} for the text"
        )
    return None


def _number_or_text(text: str) -> Scalar:
    if _INTEGER.match(text):
        return int(text)
    if _PREFIXED_INTEGER.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    if _SPECIAL_FLOAT.match(text):
        return float(text.replace(".", "", 1))
    return text
