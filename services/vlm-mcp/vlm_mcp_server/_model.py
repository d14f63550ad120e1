"""Which vision model answers, and its answer without its thoughts."""

import re
from typing import Any

from xr_ai_models import ModelsConfig, load_models_config_from_dict

ENTRY = "vlm"
DEFAULT_TIMEOUT_S = 60.0
_LEGACY_KIND = "preset:cosmos_vlm"
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_THOUGHT_END = "</think>"


def declared_model(
    models: dict[str, Any] | None,
    vlm_server: str | None,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    enable_thinking: bool = False,
) -> ModelsConfig:
    """Return the declaration of the model, under the name `ENTRY`; an entry's own ``timeout`` wins over ``timeout_s``.

    Raises:
        ModelConfigError: the declaration is wrong.
        ValueError: there is none.
    """
    if models is not None:
        if not isinstance(models.get(ENTRY), dict):
            raise ValueError(f"must declare `{ENTRY}`, the model that answers")
        entry = dict(models[ENTRY])
    elif vlm_server:
        entry = {"kind": _LEGACY_KIND, "base_url": vlm_server}
    else:
        raise ValueError("must specify either `models` (with an entry `vlm`) or `vlm_server`")
    entry.setdefault("timeout", timeout_s)
    if enable_thinking:
        extras = dict(entry.get("default_extras") or {})
        template = dict(extras.get("chat_template_kwargs") or {})
        entry["default_extras"] = {**extras, "chat_template_kwargs": {**template, "enable_thinking": True}}
    return load_models_config_from_dict({ENTRY: entry})


def without_thoughts(answer: str) -> str:
    """Return the answer after its ``<think>`` part, also when the part's beginning was left out."""
    return _THOUGHT.sub("", answer).rpartition(_THOUGHT_END)[2].strip()
