"""One participant's whole voice pipeline: from their microphone through a brain to their ears."""

import asyncio

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

from xr_ai_agent import AudioChunk
from xr_ai_models import STTService, TTSService
from xr_ai_pipecat._listen import SpeechSegmenter, Transcriber
from xr_ai_pipecat._resample import SPEECH_RATE_HZ
from xr_ai_pipecat.brain import BrainProcessor
from xr_ai_pipecat.config import VoiceConfig
from xr_ai_pipecat.frames import Query
from xr_ai_pipecat.transport import HubAudio, XRMediaHubTransport
from xr_ai_pipecat.tts import StreamingTtsProcessor

__all__ = ("VoiceSession", "make_voice_pipeline")

_OUTPUT_RATE_HZ = 22_050


def make_voice_pipeline(
    transport: XRMediaHubTransport, stt: STTService, tts: TTSService, brain: BrainProcessor, config: VoiceConfig
) -> tuple[Pipeline, PipelineWorker]:
    """Return a pipeline for the transport's participant, and the worker that runs it."""
    pipeline = Pipeline(
        [
            transport.input(),
            SpeechSegmenter(config.vad),
            Transcriber(stt, transport.participant_id, config.stt_timeout),
            brain,
            StreamingTtsProcessor(tts, timeout_s=config.tts_timeout, parallel=config.parallel_synthesis),
            transport.output(),
        ]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=SPEECH_RATE_HZ, audio_out_sample_rate=_OUTPUT_RATE_HZ),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_rtvi=False,
        enable_turn_tracking=False,
    )
    return pipeline, worker


class VoiceSession:
    """A running pipeline for one participant: everything in it (interruption, queues, voice detection) is theirs alone.

    ::

        async with VoiceSession(endpoint, "alice", stt, tts, brain) as session:
            endpoint.on_audio(session.feed)
    """

    def __init__(
        self,
        endpoint: HubAudio,
        participant_id: str,
        stt: STTService,
        tts: TTSService,
        brain: BrainProcessor,
        config: VoiceConfig | None = None,
    ) -> None:
        self.participant_id = participant_id
        self.brain = brain
        self._transport = XRMediaHubTransport(endpoint, participant_id)
        _, self._worker = make_voice_pipeline(self._transport, stt, tts, brain, config or VoiceConfig())
        self._started = asyncio.Event()
        self._worker.add_event_handler("on_pipeline_started", self._on_started)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the pipeline; returns once it listens."""
        self._task = asyncio.create_task(self._run(), name=f"voice-{self.participant_id}")
        started = asyncio.ensure_future(self._started.wait())
        try:
            await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        """Stop at once: a request under way is cancelled, nothing more is spoken."""
        task, self._task = self._task, None
        if task is None:
            return
        await self._worker.cancel()
        await asyncio.wait({task})

    def feed(self, chunk: AudioChunk) -> None:
        """Take the next piece of the participant's audio; that of others is ignored."""
        if chunk.participant_id == self.participant_id:
            self._transport.feed(chunk)

    def submit(self, query: Query) -> None:
        """Handle a request that did not come by voice."""
        self.brain.submit(query)

    async def __aenter__(self) -> "VoiceSession":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self) -> None:
        runner = WorkerRunner(handle_sigint=False, name=f"voice-{self.participant_id}-{id(self):x}")
        await runner.add_workers(self._worker)
        await runner.run()

    async def _on_started(self, _worker: PipelineWorker, _frame: object) -> None:
        self._started.set()
