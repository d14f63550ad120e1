"""The worker's configuration file."""

from pathlib import Path

from pydantic import BaseModel, Field, NonNegativeFloat, PositiveFloat

from xr_ai_config import ConfigPath
from xr_render_demo_worker.prompts import BUILT_IN_PROMPTS

__all__ = ("WorkerConfig",)


class WorkerConfig(BaseModel):
    """`xr_render_demo_worker.yaml`. Times are seconds."""

    models_yaml: ConfigPath = Path("models.yaml")
    """Which model serves which purpose: llm, agent_llm, stt, tts, vlm."""
    prompts_dir: ConfigPath = BUILT_IN_PROMPTS

    render_mcp_url: str = "http://127.0.0.1:8220/mcp"
    oxr_mcp_url: str = "http://127.0.0.1:8230/mcp"
    vlm_mcp_url: str = "http://127.0.0.1:8240/mcp"
    video_mcp_url: str = "http://127.0.0.1:8210/mcp"
    vec_mcp_url: str = "http://127.0.0.1:8250/mcp"

    silence_duration: PositiveFloat = 0.8
    """Silence that ends an utterance."""
    min_speech: PositiveFloat = 0.15
    """Shorter sounds are no utterance."""
    silero_threshold: float = Field(0.5, gt=0, lt=1)
    """Speech probability above which a window counts as speech."""
    max_utterance: PositiveFloat = 30.0

    startup_timeout: PositiveFloat = 300.0
    """How long the peers may take to appear before the worker gives up."""
    turn_timeout: PositiveFloat = 60.0
    """Everything between a request and its reply."""
    llm_timeout: PositiveFloat = 45.0
    tool_timeout: PositiveFloat = 10.0
    prefetch_timeout: PositiveFloat = 2.0
    stt_timeout: PositiveFloat = 30.0
    tts_timeout: PositiveFloat = 30.0
    max_iterations: int = Field(10, ge=1, le=50)
    """How often the model may be asked within one turn."""

    ack_timeout: PositiveFloat = 8.0
    ack_speech_after: NonNegativeFloat = 0.7
    """An acknowledgement is spoken only if there is no reply by then: two sentences at once would only take longer."""
    still_working_after: PositiveFloat = 5.0
    still_working_every: PositiveFloat = 7.0

    frame_max_age: PositiveFloat = 2.0
    """An older camera frame counts as "the camera is off"."""
    camera_timeout: PositiveFloat = 6.0
    """How long a camera that the person has allowed may take to deliver after it was asked to start."""
    camera_permission_timeout: PositiveFloat = 1.0
    """The same for one that the person may have to allow first: then the reply comes without a picture."""
    camera_grace: PositiveFloat = 5.0
    """How long a camera that we started stays on after a look."""
    camera_question: PositiveFloat = 30.0
    """How long the person is asked to allow the camera, so that they can ask again with it on."""
    camera_release: PositiveFloat = 2.0
    """How long a camera that is told to turn off may go on; one that goes on longer is held by the person."""
    xr_start_timeout: PositiveFloat = 120.0

    @property
    def tool_urls(self) -> dict[str, str]:
        """Tool servers by role name."""
        return {
            "render-mcp": self.render_mcp_url,
            "oxr-mcp": self.oxr_mcp_url,
            "vec-mcp": self.vec_mcp_url,
            "vlm-mcp": self.vlm_mcp_url,
            "video-mcp": self.video_mcp_url,
        }
