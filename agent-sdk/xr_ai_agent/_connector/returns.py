"""What comes back to a transport for its participants, wherever the transport runs."""

from xr_ai_agent._callbacks import Callback, CallbackList, CallbackRunner
from xr_ai_agent._wire.messages import AudioChunk, DataMessage, ReturnAudioFlush


class ReturnCallbacks:
    """The receiving half of a `Connector`, and how the hub's messages are delivered to it."""

    def __init__(self, runner: CallbackRunner) -> None:
        # What agents say to participants is never dropped on its way to the transport.
        self._on_audio: CallbackList[AudioChunk] = CallbackList(runner, calls_max=None)
        self._on_data: CallbackList[DataMessage] = CallbackList(runner, calls_max=None)
        self._on_flush: CallbackList[ReturnAudioFlush] = CallbackList(runner, calls_max=None)
        self.deliver_audio = self._on_audio.fire
        self.deliver_data = self._on_data.fire
        self.deliver_flush = self._on_flush.fire

    def on_return_audio(self, callback: Callback[AudioChunk]) -> None:
        """Receive speech for this connector's participants."""
        self._on_audio.add(callback)

    def on_return_data(self, callback: Callback[DataMessage]) -> None:
        """Receive data for this connector's participants."""
        self._on_data.add(callback)

    def on_return_audio_flush(self, callback: Callback[ReturnAudioFlush]) -> None:
        """Receive requests to stop speaking; no chunk sent before the flush comes after it."""
        self._on_flush.add(callback)
