"""Known models by name: what a `models.yaml` entry gets from ``kind: preset:<name>``."""

import copy
import difflib
from collections.abc import Sequence
from typing import Any

from xr_ai_models._errors import UnknownModelError

__all__ = ("available_presets", "get_preset")

# These templates think unless told not to; a call without thinking would spend its max_tokens on it and end empty.
_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}

_PRESETS: dict[str, dict[str, Any]] = {
    "cosmos_vlm": {
        "category": "vlm",
        "model_name": "vlm",
        "default_extras": _NO_THINKING,
        "capabilities": {"streaming": True, "vision": True, "video": True},
        "timeout": 60.0,
    },
    "llama_nemotron": {
        "category": "llm",
        "model_name": "llm",
        "capabilities": {"streaming": True, "tool_calls": True},
        "timeout": 60.0,
    },
    "nemotron3_nano": {
        "category": "llm",
        "model_name": "llm",
        "reasoning_field": "reasoning",
        "default_extras": _NO_THINKING,
        "capabilities": {"streaming": True, "tool_calls": True, "reasoning": True},
        "timeout": 60.0,
    },
    "nemotron_omni": {
        "category": "llm",
        "model_name": "llm",
        "reasoning_field": "reasoning_content",
        "capabilities": {"streaming": True, "tool_calls": True, "vision": True, "video": True, "reasoning": True},
        "timeout": 60.0,
    },
    "parakeet_stt": {"category": "stt", "timeout": 30.0},
    "piper_tts": {"category": "tts", "timeout": 30.0},
    "magpie_tts": {"category": "tts", "timeout": 60.0},
}


def available_presets() -> Sequence[str]:
    """Return the names that ``preset:<name>`` may use."""
    return tuple(sorted(_PRESETS))


def get_preset(name: str) -> dict[str, Any]:
    """Return a copy of a preset's fields.

    Raises:
        UnknownModelError: no preset of that name.
    """
    if name not in _PRESETS:
        close = difflib.get_close_matches(name, _PRESETS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UnknownModelError(f"unknown preset {name!r}{hint} Known: {', '.join(available_presets())}")
    return copy.deepcopy(_PRESETS[name])
