"""The JSON schema is generated, described, kept in the tree, and open to references."""

import json
from pathlib import Path
from typing import Any

from xr_ai_launcher._stack.schema import schema_text, stack_schema

COMMITTED = Path(__file__).parents[3] / "stacks" / "stack.schema.json"


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    parts = {"StackModel": schema, **schema["$defs"]}
    return [(part, name, field) for part, body in parts.items() for name, field in body["properties"].items()]


def test_the_committed_schema_is_the_generated_one() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == schema_text(), "run: xrstack schema > stacks/stack.schema.json"


def test_every_key_is_described() -> None:
    assert [(part, name) for part, name, field in _fields(stack_schema()) if not field.get("description")] == []


def test_no_part_takes_unknown_keys() -> None:
    """Setup steps do, for kinds that packages add: see the tests of those."""
    schema = stack_schema()
    parts = {"StackModel": schema, **schema["$defs"]}
    assert [name for name, part in parts.items() if part.get("additionalProperties") is not False] == ["SetupModel"]


def test_a_reference_may_stand_for_a_number_or_a_boolean() -> None:
    text = json.dumps(stack_schema()["$defs"]["RoleModel"]["properties"]["enabled"])
    assert "boolean" in text
    assert json.dumps(r"\$\{") in text
