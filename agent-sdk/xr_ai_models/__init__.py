"""Talk to language, vision and speech models: declared in `models.yaml`, reached over OpenAI's HTTP paths.

::

    config = load_models_config("models.yaml")
    async with make_llm(config, "agent_llm") as llm:
        answer = await llm.chat([ChatMessage("user", "hello")])

Errors (all derive from `ModelError`)::

    ModelError
    ├── ModelConfigError         a declaration is wrong (also a ValueError)
    │   ├── UnknownModelError    no entry or preset of that name (also a KeyError)
    │   └── WrongCategoryError   the entry is of another category (also a TypeError)
    ├── ModelUnavailableError    refused, unreachable, still loading, connection broken
    │   └── ModelTimeoutError    no answer within the call's time limit
    ├── ModelRefusedError        an error status; `.status`, `.detail`
    └── BadAnswerError           2xx, and not what the protocol promises

A file that cannot be read as a configuration raises `xr_ai_config.ConfigError`.
"""

from xr_ai_models import presets
from xr_ai_models._audio import OpenAICompatSTT, OpenAICompatTTS
from xr_ai_models._chat import OpenAICompatLLM, OpenAICompatVLM
from xr_ai_models._config import load_models_config, load_models_config_from_dict
from xr_ai_models._errors import (
    BadAnswerError,
    ModelConfigError,
    ModelError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnknownModelError,
    WrongCategoryError,
)
from xr_ai_models._factories import make_llm, make_stt, make_tts, make_vlm
from xr_ai_models._protocols import LLMService, ModelService, STTService, TTSService, VLMService
from xr_ai_models._specs import LLMSpec, ModelsConfig, ModelSpec, STTSpec, TTSSpec, VLMSpec
from xr_ai_models._types import (
    Capabilities,
    ChatMessage,
    ChatResponse,
    ContentPart,
    ImageInput,
    ImagePart,
    TextPart,
    ToolCall,
    ToolDef,
    Transcription,
    VideoInput,
    VideoPart,
)

__all__ = (
    "BadAnswerError",
    "Capabilities",
    "ChatMessage",
    "ChatResponse",
    "ContentPart",
    "ImageInput",
    "ImagePart",
    "LLMService",
    "LLMSpec",
    "ModelConfigError",
    "ModelError",
    "ModelRefusedError",
    "ModelService",
    "ModelSpec",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "ModelsConfig",
    "OpenAICompatLLM",
    "OpenAICompatSTT",
    "OpenAICompatTTS",
    "OpenAICompatVLM",
    "STTService",
    "STTSpec",
    "TTSService",
    "TTSSpec",
    "TextPart",
    "ToolCall",
    "ToolDef",
    "Transcription",
    "UnknownModelError",
    "VLMService",
    "VLMSpec",
    "VideoInput",
    "VideoPart",
    "WrongCategoryError",
    "load_models_config",
    "load_models_config_from_dict",
    "make_llm",
    "make_stt",
    "make_tts",
    "make_vlm",
    "presets",
)
