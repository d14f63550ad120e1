"""What a hub publishes for a connector's participants: who is still to hear it, and what of it was lost."""

import logging
from typing import Any

from xr_ai_agent._connector.returns import ReturnCallbacks
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.stream_loss import StreamLoss
from xr_ai_agent._roster import Roster
from xr_ai_agent._utterances import Utterances, Verdict
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.messages import DataMessage, HubHeartbeat, MsgType, ReturnAudioFlush, Speech, SpeechFlush

# The hub says nothing of who speaks: a flush silences everybody.
_HUB = ""


class ReturnIn:
    """Delivers speech, data and flushes; speech that a flush has overtaken stays silent."""

    def __init__(self, callbacks: ReturnCallbacks, roster: Roster, losses: LossCounter) -> None:
        self._callbacks = callbacks
        self._roster = roster
        self._losses = losses
        self._loss = StreamLoss(losses)
        self._utterances = Utterances()

    def take(self, msg_type: int, message: Any) -> None:
        """Take a message that was published for a participant."""
        # Who has left is told nothing more of what was on its way.
        if message.participant_id not in self._roster:
            return
        match msg_type:
            case MsgType.SPEECH:
                self._on_speech(message)
            case MsgType.SPEECH_FLUSH:
                self._on_flush(message)
            case MsgType.RETURN_DATA:
                self._on_data(message)
            case MsgType.RETURN_AUDIO:
                self._callbacks.deliver_audio(message)
            case MsgType.RETURN_AUDIO_FLUSH:
                self._callbacks.deliver_flush(message)

    def on_heartbeat(self, heartbeat: HubHeartbeat) -> None:
        """Learn how much was published."""
        self._loss.announced(heartbeat.streams)

    def restart(self) -> None:
        """Another hub numbers and counts now."""
        self._utterances = Utterances()
        self._loss.reset()

    def forget(self, participant_id: str) -> None:
        """They have left."""
        self._utterances.drop_participant(participant_id)
        self._loss.forget(*(topics.stream(kind, participant_id) for kind in (topics.RETURN_AUDIO, topics.RETURN_DATA)))

    def _on_speech(self, speech: Speech) -> None:
        participant_id = speech.participant_id
        self._loss.received(topics.stream(topics.RETURN_AUDIO, participant_id))
        match self._utterances.on_speech(_HUB, participant_id, speech.utterance):
            case Verdict.LATE:
                self._losses.count("speech cancelled by a flush", participant_id, level=logging.DEBUG)
                return
            case Verdict.FLUSH_FIRST:
                self._callbacks.deliver_flush(ReturnAudioFlush(participant_id))
        self._callbacks.deliver_audio(speech.chunk)

    def _on_flush(self, flush: SpeechFlush) -> None:
        # It comes twice: ahead of the speech, and in order with it.
        if self._utterances.on_flush(_HUB, flush.participant_id, flush.utterance):
            self._callbacks.deliver_flush(ReturnAudioFlush(flush.participant_id))

    def _on_data(self, message: DataMessage) -> None:
        self._loss.received(topics.stream(topics.RETURN_DATA, message.participant_id))
        self._callbacks.deliver_data(message)
