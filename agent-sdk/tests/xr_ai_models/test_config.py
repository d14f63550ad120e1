"""Reading models.yaml: presets, merging, and every mistake reported where it was made."""

from pathlib import Path

import pytest

from xr_ai_config import ConfigError
from xr_ai_models import (
    Capabilities,
    LLMSpec,
    ModelConfigError,
    ModelsConfig,
    OpenAICompatSTT,
    STTSpec,
    TTSSpec,
    UnknownModelError,
    WrongCategoryError,
    load_models_config,
    load_models_config_from_dict,
    make_llm,
    make_stt,
    presets,
)


def _load(tmp_path: Path, text: str) -> ModelsConfig:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return load_models_config(path)


def test_there_are_seven_presets_and_copies_are_independent() -> None:
    names = "cosmos_vlm llama_nemotron magpie_tts nemotron3_nano nemotron_omni parakeet_stt piper_tts"
    assert list(presets.available_presets()) == names.split()
    presets.get_preset("nemotron3_nano")["default_extras"]["chat_template_kwargs"]["enable_thinking"] = True
    assert presets.get_preset("nemotron3_nano")["default_extras"] == {
        "chat_template_kwargs": {"enable_thinking": False}
    }
    with pytest.raises(UnknownModelError, match="did you mean 'piper_tts'"):
        presets.get_preset("piper_tss")


def test_entries_override_their_preset_at_every_depth(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "agent_llm:\n  kind: preset:nemotron3_nano\n  base_url: http://127.0.0.1:8107/\n  timeout: 90\n"
        "  default_extras: {chat_template_kwargs: {other: 1}, seed: 7}\n  capabilities: {vision: true}\n",
    )
    spec = config.llm("agent_llm")
    assert (spec.base_url, spec.model_name, spec.timeout, spec.reasoning_field) == (
        "http://127.0.0.1:8107",
        "llm",
        90,
        "reasoning",
    )
    assert spec.default_extras == {"chat_template_kwargs": {"enable_thinking": False, "other": 1}, "seed": 7}
    assert spec.capabilities == Capabilities(tool_calls=True, reasoning=True, vision=True)


def test_hosted_speech_can_be_declared(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "stt: {category: stt, base_url: 'https://api.example', model_name: whisper-1, language: en,"
        " health_check: false}\n"
        "tts: {category: tts, base_url: 'https://api.example', voice: alloy, speed: 1.2}\n",
    )
    assert config.stt("stt") == STTSpec(
        "https://api.example", model_name="whisper-1", language="en", health_check=False
    )
    assert config.tts("tts") == TTSSpec("https://api.example", voice="alloy", speed=1.2)


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    config = _load(tmp_path, "")
    with pytest.raises(UnknownModelError, match=r"no model named 'llm' is declared \(declared: none\)"):
        config.llm("llm")


def test_the_wrong_category_is_named() -> None:
    config = ModelsConfig({"x": LLMSpec("http://127.0.0.1:1", "m")})
    with pytest.raises(WrongCategoryError, match="expected STTSpec, found LLMSpec"):
        make_stt(config, "x")
    assert issubclass(WrongCategoryError, TypeError)
    assert issubclass(UnknownModelError, KeyError)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n  kind: preset:piper_tts\n  base_ur: http://x\n", 3, "base_url"),
        ("a:\n  kind: preset:pipertts\n  base_url: http://x\n", 2, "preset:piper_tts"),
        ("a:\n  kind: grpc\n  base_url: http://x\n  category: llm\n  model_name: m\n", 2, "unknown kind"),
        ("a:\n  kind: preset:piper_tts\n  base_url: x:1\n", 3, "no http(s) address"),
        ("a:\n  base_url: http://x\n", 1, "category is missing"),
        ("a:\n  kind: preset:piper_tts\n  base_url: http://x\n  category: llm\n", 1, "contradicts"),
        ("a:\n  category: llm\n  base_url: http://x\n", 1, "model_name is missing"),
        ("a:\n  kind: preset:parakeet_stt\n  base_url: http://x\n  voice: v\n", 1, "voice does not apply"),
        ("a:\n  kind: preset:llama_nemotron\n  base_url: http://x\n  capabilities: {visoin: true}\n", 4, "visoin"),
    ],
)
def test_mistakes_are_reported_with_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    message = str(caught.value)
    assert f"models.yaml:{line}:" in message
    assert words in message


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "a: {kind: nope, base_url: http://x}\nb: {kind: preset:piper_tts}\n")
    assert "models.yaml:1:" in str(caught.value)
    assert "models.yaml:2:" in str(caught.value)


def test_declarations_from_code_name_their_source() -> None:
    with pytest.raises(ModelConfigError, match=r"worker: stt.*base_url"):
        load_models_config_from_dict({"stt": {"kind": "preset:parakeet_stt"}}, source="worker")


@pytest.mark.anyio
async def test_a_given_client_is_left_open_and_an_own_one_is_closed() -> None:
    from xr_ai_models._http import HttpClient

    config = load_models_config_from_dict({"llm": {"kind": "preset:llama_nemotron", "base_url": "http://127.0.0.1:1"}})
    shared = HttpClient()
    await make_llm(config, "llm", client=shared).close()
    assert not shared.is_closed
    await shared.aclose()
    own = OpenAICompatSTT("http://127.0.0.1:1")
    await own.close()
    with pytest.raises(RuntimeError, match="closed"):
        await own.health()
