"""What a `models.yaml` declares, checked: one spec per model, and the table of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from xr_ai_models._errors import UnknownModelError, WrongCategoryError
from xr_ai_models._types import Capabilities


@dataclass(frozen=True)
class LLMSpec:
    """A language model's declaration."""

    base_url: str
    model_name: str
    kind: str = "openai_compat"
    api_key_env: str | None = None
    reasoning_field: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    default_extras: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    health_check: bool = True


@dataclass(frozen=True)
class VLMSpec:
    """A vision model's declaration."""

    base_url: str
    model_name: str
    kind: str = "openai_compat"
    api_key_env: str | None = None
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(vision=True))
    default_extras: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    health_check: bool = True


@dataclass(frozen=True)
class STTSpec:
    """A speech recogniser's declaration."""

    base_url: str
    kind: str = "openai_compat"
    model_name: str | None = None
    language: str | None = None
    api_key_env: str | None = None
    timeout: float = 30.0
    health_check: bool = True


@dataclass(frozen=True)
class TTSSpec:
    """A speech synthesiser's declaration."""

    base_url: str
    kind: str = "openai_compat"
    model_name: str | None = None
    voice: str | None = None
    speed: float | None = None
    api_key_env: str | None = None
    timeout: float = 30.0
    health_check: bool = True


ModelSpec: TypeAlias = LLMSpec | VLMSpec | STTSpec | TTSSpec
_SpecT = TypeVar("_SpecT", LLMSpec, VLMSpec, STTSpec, TTSSpec)


@dataclass(frozen=True)
class ModelsConfig:
    """The declared models by logical name."""

    entries: Mapping[str, ModelSpec] = field(default_factory=dict)

    def llm(self, name: str) -> LLMSpec:
        """Return the language model of that name.

        Raises:
            UnknownModelError: no such entry.
            WrongCategoryError: the entry is of another category.
        """
        return self._entry(name, LLMSpec)

    def vlm(self, name: str) -> VLMSpec:
        """Return the vision model of that name; raises as `llm`."""
        return self._entry(name, VLMSpec)

    def stt(self, name: str) -> STTSpec:
        """Return the recogniser of that name; raises as `llm`."""
        return self._entry(name, STTSpec)

    def tts(self, name: str) -> TTSSpec:
        """Return the synthesiser of that name; raises as `llm`."""
        return self._entry(name, TTSSpec)

    def _entry(self, name: str, expected: type[_SpecT]) -> _SpecT:
        entry = self.entries.get(name)
        if entry is None:
            known = ", ".join(sorted(self.entries)) or "none"
            raise UnknownModelError(f"no model named {name!r} is declared (declared: {known}); add it to models.yaml")
        if not isinstance(entry, expected):
            raise WrongCategoryError(f"model {name!r}: expected {expected.__name__}, found {type(entry).__name__}")
        return entry
