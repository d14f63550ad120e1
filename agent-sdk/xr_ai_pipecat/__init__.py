"""Give an agent ears and a voice: a pipecat pipeline per participant over the media hub.

Write a brain, and run one session for each participant::

    class Echo(BrainProcessor):
        async def handle_query(self, query: Query) -> str:
            return f"You said: {query.text}"

    session = VoiceSession(endpoint, "alice", stt, tts, Echo("alice"))
    await session.start()
    session.feed(chunk)                    # every AudioChunk of alice
    session.submit(Query("typed words"))   # requests that did not come by voice
    await session.close()

A pipeline is: hub input → speech segmenter (Silero) → transcriber → brain → sentence-wise speech → hub output. Speech
while the agent speaks cuts off the agent's speech; a new request cancels the one under way, or waits for it where the
brain says so (`BrainProcessor.supersedes`); "stop" ends everything. Sounds that are no request ("um", "mm-hmm", "okay"
when nothing was asked) are dropped.

Errors::

    VoiceError
    └── BadAudioError     audio that is not what it claims to be
"""

from xr_ai_pipecat import _library_logs as _library_logs  # first: see its docstring
from xr_ai_pipecat._errors import BadAudioError, VoiceError
from xr_ai_pipecat.brain import BrainProcessor
from xr_ai_pipecat.config import VadConfig, VoiceConfig
from xr_ai_pipecat.frames import Query
from xr_ai_pipecat.pipeline import VoiceSession, make_voice_pipeline
from xr_ai_pipecat.transport import HubAudio, XRMediaHubTransport
from xr_ai_pipecat.tts import StreamingTtsProcessor

__all__ = (
    "BadAudioError",
    "BrainProcessor",
    "HubAudio",
    "Query",
    "StreamingTtsProcessor",
    "VadConfig",
    "VoiceConfig",
    "VoiceError",
    "VoiceSession",
    "XRMediaHubTransport",
    "make_voice_pipeline",
)
