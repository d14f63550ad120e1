"""The JSON schema of stack files, for editors and checkers; generated from the models, described by their source."""

import ast
import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from xr_ai_launcher._stack import model

if TYPE_CHECKING:
    from xr_ai_launcher.setup_kinds import SetupKind

__all__ = ("schema_text", "stack_schema")

# The newest draft that yaml-language-server and check-jsonschema understand alike.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_FURTHER_KIND = "Settings of a further kind of step, which an installed package adds."
_REFERENCE: JsonSchemaValue = {"type": "string", "pattern": r"\$\{"}


def stack_schema(kinds: Mapping[str, "SetupKind[Any]"] | None = None) -> dict[str, Any]:
    """Return the schema of a stack file; with ``kinds``, further kinds of setup step by name, of theirs as well."""
    schema = model.StackModel.model_json_schema(schema_generator=_Generator)
    definitions = schema.pop("$defs", {})
    described = _descriptions()
    _describe(schema, described.get("StackModel", {}))
    for name, definition in definitions.items():
        _describe(definition, described.get(name, {}))
    _allow_notify(definitions["ProbeModel"], schema, definitions)
    _allow_kinds(definitions, kinds or {})
    return {"$schema": _DRAFT, **schema, "$defs": definitions}


def schema_text(kinds: Mapping[str, "SetupKind[Any]"] | None = None) -> str:
    """Return the schema as it is kept in the tree."""
    return json.dumps(stack_schema(kinds), indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Lets ``${...}`` stand wherever a number or a boolean is expected, and leaves out defaults and titles."""

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {"anyOf": [super().int_schema(schema), _REFERENCE]}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"anyOf": [super().float_schema(schema), _REFERENCE]}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return {"anyOf": [super().bool_schema(schema), _REFERENCE]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        result = super().dict_schema(schema)
        patterns = result.pop("patternProperties", None)
        if patterns:  # the model refuses other keys, which patternProperties alone would not
            ((pattern, value),) = patterns.items()
            result |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
        return result

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _descriptions() -> dict[str, dict[str, str]]:
    """Return, per class and field, the text written under the field in the models' source."""
    tree = ast.parse(inspect.getsource(model))
    own = {node.name: _field_texts(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                own[node.name] = own.get(getattr(base, "id", ""), {}) | own[node.name]
    return own


def _field_texts(node: ast.ClassDef) -> dict[str, str]:
    texts: dict[str, str] = {}
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[statement.target.id] = inspect.cleandoc(str(following.value.value))
    return texts


def _describe(definition: dict[str, Any], texts: dict[str, str]) -> None:
    for name, field in definition.get("properties", {}).items():
        if name in texts:
            definition["properties"][name] = {"description": texts[name], **field}


def _allow_notify(probe: dict[str, Any], schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """A probe may be the word ``notify``; a validator turns it into a mapping, which pydantic's schema cannot know."""
    probe["minProperties"] = probe["maxProperties"] = 1
    reference = {"$ref": "#/$defs/ProbeModel"}
    for definition in (schema, *definitions.values()):
        for field in definition.get("properties", {}).values():
            if reference in field.get("anyOf", ()):
                field["anyOf"].insert(0, {"const": "notify"})


def _allow_kinds(definitions: dict[str, Any], kinds: Mapping[str, "SetupKind[Any]"]) -> None:
    """A setup step may have a key of a kind that a package adds; what stands under it is some mapping."""
    step = definitions["SetupModel"]
    step["additionalProperties"] = {"type": "object", "description": _FURTHER_KIND}
    for name, kind in kinds.items():
        schema = kind.settings.model_json_schema(schema_generator=_Generator, ref_template=f"#/$defs/{name}.{{model}}")
        for definition, body in schema.pop("$defs", {}).items():
            definitions[f"{name}.{definition}"] = body
        definitions[name] = {**schema, "additionalProperties": False}
        step["properties"][name] = {
            "description": inspect.cleandoc(type(kind).__doc__ or ""),
            "$ref": f"#/$defs/{name}",
        }
