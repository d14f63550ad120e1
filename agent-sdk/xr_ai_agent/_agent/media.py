"""Sound and data on their way to an agent's callbacks: only what is wanted, in its session, and what is missing."""

from typing import TypeVar

from xr_ai_agent._agent.attendance import Attendance
from xr_ai_agent._agent.interest import Interest
from xr_ai_agent._callbacks import CallbackList, CallbackRunner
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.stream_loss import StreamLoss
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.messages import AudioChunk, DataMessage

_Media = TypeVar("_Media", AudioChunk, DataMessage)


class MediaIn:
    """The socket's filter is a byte prefix and lags behind `Interest`: what is really wanted is checked here."""

    def __init__(self, interest: Interest, attendance: Attendance, runner: CallbackRunner, losses: LossCounter) -> None:
        self.on_audio: CallbackList[AudioChunk] = CallbackList(runner)
        self.on_data: CallbackList[DataMessage] = CallbackList(runner)
        self.loss = StreamLoss(losses)
        self._interest = interest
        self._attendance = attendance

    def take_audio(self, chunk: AudioChunk) -> None:
        """Hand a participant's sound on."""
        self._take(chunk, topics.AUDIO, self._interest.audio, self.on_audio)

    def take_data(self, message: DataMessage) -> None:
        """Hand a participant's data message on."""
        self._take(message, topics.DATA, self._interest.data, self.on_data)

    def forget(self, participant_id: str) -> None:
        """Another wish: what was not listened to is not lost, counting begins anew with the next message."""
        self.loss.forget(*(topics.stream(kind, participant_id) for kind in (topics.AUDIO, topics.DATA)))

    def _take(self, message: _Media, kind: bytes, wanted: set[str], callbacks: CallbackList[_Media]) -> None:
        participant_id = message.participant_id
        if participant_id in wanted:
            self.loss.received(topics.stream(kind, participant_id))
            if not self._attendance.holds(participant_id, self._take_held, message, wanted, callbacks):
                callbacks.fire(message)

    @staticmethod
    def _take_held(message: _Media, wanted: set[str], callbacks: CallbackList[_Media]) -> None:
        if message.participant_id in wanted:
            callbacks.fire(message)
