"""Reading `models.yaml`: entries merged over presets, everything wrong reported at once with its line."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    RootModel,
    ValidationError,
    model_validator,
)

from xr_ai_config import load_config
from xr_ai_models._errors import ModelConfigError
from xr_ai_models._merge import merged
from xr_ai_models._specs import LLMSpec, ModelsConfig, ModelSpec, STTSpec, TTSSpec, VLMSpec
from xr_ai_models._types import Capabilities
from xr_ai_models.presets import available_presets, get_preset

_KIND = "openai_compat"
_PRESET_PREFIX = "preset:"
_SPECS: dict[str, type[ModelSpec]] = {"llm": LLMSpec, "vlm": VLMSpec, "stt": STTSpec, "tts": TTSSpec}
_CHAT_KEYS = ("default_extras", "capabilities")
# Keys that only some categories know; everything else belongs to all.
_KEYS_OF = {
    "llm": {"model_name", "reasoning_field", *_CHAT_KEYS},
    "vlm": {"model_name", *_CHAT_KEYS},
    "stt": {"model_name", "language"},
    "tts": {"model_name", "voice", "speed"},
}


def _known_kind(kind: str) -> str:
    if kind == _KIND:
        return kind
    choices = [_KIND, *(_PRESET_PREFIX + name for name in available_presets())]
    if kind in choices:
        return kind
    close = difflib.get_close_matches(kind, choices, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"unknown kind {kind!r}; {hint}known: {', '.join(choices)}")


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no http(s) address; expected e.g. http://127.0.0.1:8103")
    return url.rstrip("/")


class _Capabilities(BaseModel):
    model_config = ConfigDict(extra="forbid")

    streaming: bool = True
    tool_calls: bool = False
    vision: bool = False
    video: bool = False
    reasoning: bool = False


class _Entry(BaseModel):
    """One model as the file writes it."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    kind: Annotated[str, AfterValidator(_known_kind)] = _KIND
    category: Literal["llm", "vlm", "stt", "tts"] | None = None
    base_url: Annotated[str, AfterValidator(_http_url)]
    model_name: str | None = None
    api_key_env: str | None = None
    reasoning_field: str | None = None
    capabilities: _Capabilities | None = None
    default_extras: dict[str, Any] | None = None
    language: str | None = None
    voice: str | None = None
    speed: PositiveFloat | None = None
    timeout: PositiveFloat | None = None
    health_check: bool | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "_Entry":
        preset = self._preset()
        category = self.category or preset.get("category")
        if category is None:
            raise ValueError("category is missing; an entry without a preset needs llm, vlm, stt or tts")
        if preset and category != preset["category"]:
            raise ValueError(
                f"category {category!r} contradicts {self.kind}, which is {preset['category']!r}; remove it"
            )
        if category in ("llm", "vlm") and not (self.model_name or preset.get("model_name")):
            raise ValueError("model_name is missing; give the name that the server serves the model under")
        for key in sorted(
            self.model_fields_set - {"kind", "category", "base_url", "api_key_env", "timeout", "health_check"}
        ):
            if key not in _KEYS_OF[category]:
                raise ValueError(f"{key} does not apply to category {category!r}; remove it")
        return self

    def spec(self) -> ModelSpec:
        """Return the entry merged over its preset."""
        given = self.model_dump(exclude_none=True, exclude_unset=True)
        fields = merged(self._preset(), given)
        spec_type = _SPECS[fields.pop("category")]
        fields["kind"] = _KIND
        if "capabilities" in fields:
            fields["capabilities"] = Capabilities(**fields["capabilities"])
        return spec_type(**fields)

    def _preset(self) -> dict[str, Any]:
        if self.kind.startswith(_PRESET_PREFIX):
            return get_preset(self.kind.removeprefix(_PRESET_PREFIX))
        return {}


class _ModelsFile(RootModel[dict[str, _Entry]]):
    root: dict[str, _Entry] = Field(default_factory=dict)

    def config(self) -> ModelsConfig:
        return ModelsConfig({name: entry.spec() for name, entry in self.root.items()})


def load_models_config(path: Path | str) -> ModelsConfig:
    """Read a `models.yaml`; an empty file declares nothing.

    Raises:
        xr_ai_config.ConfigError: missing, unreadable or wrong; every problem with file:line:column.
    """
    return load_config(Path(path), _ModelsFile).config()


def load_models_config_from_dict(raw: Mapping[str, Any], *, source: str = "models") -> ModelsConfig:
    """Check declarations that are already decoded; ``source`` names them in messages.

    Raises:
        ModelConfigError: an entry is wrong; all problems are listed.
    """
    try:
        return _ModelsFile.model_validate(dict(raw)).config()
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise ModelConfigError("\n".join(f"{source}: {line}" for line in lines)) from error
