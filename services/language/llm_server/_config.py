"""Configuration of `llm_server`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ("LlmConfig",)


class LlmConfig(BaseModel):
    """Configuration of `llm_server`."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8106, ge=1, le=65535)
    """TCP port."""
    model_name: str = Field(default="llm", min_length=1)
    """Name under which clients ask for the model."""
    backend: Literal["embedded"] = "embedded"
    """What answers: `embedded` is a semantic grammar that needs neither weights nor a GPU."""
