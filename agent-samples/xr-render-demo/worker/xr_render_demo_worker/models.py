"""The five models that the worker talks to."""

from dataclasses import dataclass
from pathlib import Path

from xr_ai_models import (
    LLMService,
    ModelService,
    STTService,
    TTSService,
    VLMService,
    load_models_config,
    make_llm,
    make_stt,
    make_tts,
    make_vlm,
)

__all__ = ("Models", "load_models")


@dataclass(frozen=True)
class Models:
    """``llm`` is quick and says short things; ``agent_llm`` runs the tool loop."""

    llm: LLMService
    agent_llm: LLMService
    stt: STTService
    tts: TTSService
    vlm: VLMService
    agent_thinks: bool = False
    """Whether the agent model has a thinking mode."""

    def by_name(self) -> dict[str, ModelService]:
        """Return the services by their names in models.yaml."""
        return {"llm": self.llm, "agent_llm": self.agent_llm, "stt": self.stt, "tts": self.tts, "vlm": self.vlm}

    async def close(self) -> None:
        """Close every client."""
        for service in self.by_name().values():
            await service.close()


def load_models(path: Path) -> Models:
    """Make the clients that ``path`` declares.

    Raises:
        xr_ai_config.ConfigError: the file is wrong.
        xr_ai_models.ModelConfigError: an entry is missing, or the variable of its key is not set.
    """
    config = load_models_config(path)
    return Models(
        llm=make_llm(config, "llm"),
        agent_llm=make_llm(config, "agent_llm"),
        stt=make_stt(config, "stt"),
        tts=make_tts(config, "tts"),
        vlm=make_vlm(config, "vlm"),
        agent_thinks=config.llm("agent_llm").capabilities.reasoning,
    )
