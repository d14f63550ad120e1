"""What a model's JSON schema tells of its keys: which it knows, and which hold secrets (only asked for in an error)."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

_Schema = dict[str, Any]


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that the mapping at ``path`` may have; empty when the model does not say."""
    try:
        root = model.model_json_schema(by_alias=True)
    except PydanticInvalidForJsonSchema:
        return []
    definitions = root.get("$defs", {})
    schemas = [root]
    for segment in path:
        schemas = [child for schema in schemas for child in _children(schema, segment, definitions)]
    return sorted(
        {key for schema in schemas for branch in _branches(schema, definitions) for key in branch.get("properties", {})}
    )


def secret_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of all keys, at any depth, whose values nobody should see: fields of pydantic's `SecretStr`."""
    try:
        root = model.model_json_schema(by_alias=True)
    except PydanticInvalidForJsonSchema:
        return frozenset()
    definitions = root.get("$defs", {})
    return frozenset(
        key
        for schema in (root, *definitions.values())
        for key, field in schema.get("properties", {}).items()
        if any(branch.get("writeOnly") for branch in _branches(field, definitions))
    )


def _branches(schema: _Schema, definitions: _Schema) -> Iterator[_Schema]:
    """Yield the schema and everything it refers to or chooses between."""
    yield schema
    if "$ref" in schema:
        yield from _branches(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(word, ()):
            yield from _branches(branch, definitions)


def _children(schema: _Schema, segment: str | int, definitions: _Schema) -> Iterator[_Schema]:
    for branch in _branches(schema, definitions):
        if isinstance(segment, int):
            candidates = [branch.get("items")]
        elif segment in branch.get("properties", {}):
            candidates = [branch["properties"][segment]]
        else:
            candidates = [branch.get("additionalProperties"), *branch.get("patternProperties", {}).values()]
        yield from (child for child in candidates if isinstance(child, dict))
