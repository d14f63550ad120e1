"""Clients from declarations."""

from xr_ai_models._audio import OpenAICompatSTT, OpenAICompatTTS
from xr_ai_models._chat import OpenAICompatLLM, OpenAICompatVLM
from xr_ai_models._http import HttpClient
from xr_ai_models._specs import ModelsConfig


def make_llm(config: ModelsConfig, name: str, *, client: HttpClient | None = None) -> OpenAICompatLLM:
    """Return a client for the language model declared as ``name``.

    Raises:
        ModelConfigError: no such entry, another category, or its key's variable is not set.
    """
    spec = config.llm(name)
    return OpenAICompatLLM(
        spec.base_url,
        spec.model_name,
        reasoning_field=spec.reasoning_field,
        name=name,
        capabilities=spec.capabilities,
        default_extras=spec.default_extras,
        api_key_env=spec.api_key_env,
        timeout=spec.timeout,
        health_check=spec.health_check,
        client=client,
    )


def make_vlm(config: ModelsConfig, name: str, *, client: HttpClient | None = None) -> OpenAICompatVLM:
    """Return a client for the vision model declared as ``name``; raises as `make_llm`."""
    spec = config.vlm(name)
    return OpenAICompatVLM(
        spec.base_url,
        spec.model_name,
        name=name,
        capabilities=spec.capabilities,
        default_extras=spec.default_extras,
        api_key_env=spec.api_key_env,
        timeout=spec.timeout,
        health_check=spec.health_check,
        client=client,
    )


def make_stt(config: ModelsConfig, name: str, *, client: HttpClient | None = None) -> OpenAICompatSTT:
    """Return a client for the recogniser declared as ``name``; raises as `make_llm`."""
    spec = config.stt(name)
    return OpenAICompatSTT(
        spec.base_url,
        model_name=spec.model_name,
        language=spec.language,
        name=name,
        api_key_env=spec.api_key_env,
        timeout=spec.timeout,
        health_check=spec.health_check,
        client=client,
    )


def make_tts(config: ModelsConfig, name: str, *, client: HttpClient | None = None) -> OpenAICompatTTS:
    """Return a client for the synthesiser declared as ``name``; raises as `make_llm`."""
    spec = config.tts(name)
    return OpenAICompatTTS(
        spec.base_url,
        model_name=spec.model_name,
        voice=spec.voice,
        speed=spec.speed,
        name=name,
        api_key_env=spec.api_key_env,
        timeout=spec.timeout,
        health_check=spec.health_check,
        client=client,
    )
