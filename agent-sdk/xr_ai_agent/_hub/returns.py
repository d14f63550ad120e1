"""What agents say to participants: to the connector of each, and to nobody else."""

import logging
from collections.abc import Callable
from typing import Any

from xr_ai_agent._hub.media_checks import MediaChecks
from xr_ai_agent._hub.ports import Outlets, ReturnSink
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._utterances import Utterances, Verdict
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import AudioChunk, DataMessage, MsgType, ReturnAudioFlush, Speech, SpeechFlush


class ReturnPath:
    """Passes speech, data and flushes on: by a call to a connector in this process, published to any other."""

    def __init__(self, outlets: Outlets, roster: Roster, checks: MediaChecks, losses: LossCounter) -> None:
        self.sinks: dict[str, ReturnSink] = {}
        """The connectors of this process, by id."""
        self.utterances = Utterances()
        self._publish = outlets.publish
        self._roster = roster
        self._checks = checks
        self._losses = losses

    @property
    def handlers(self) -> dict[int, Callable[[Any, bytes], None]]:
        """What handles each message id of the inlet."""
        return {
            MsgType.RETURN_AUDIO: self._on_audio,
            MsgType.RETURN_DATA: self._on_data,
            MsgType.RETURN_AUDIO_FLUSH: self._on_flush,
            MsgType.SPEECH: self._on_speech,
        }

    def on_speech_flush(self, flush: SpeechFlush, _: bytes) -> None:
        """Stop speech, unless a newer stop did; it comes on the agent's control channel."""
        if self._checks.is_present(flush.participant_id, "flush") and self.utterances.on_flush(
            flush.agent_id, flush.participant_id, flush.utterance
        ):
            self._stop(ReturnAudioFlush(flush.participant_id))

    def _on_audio(self, chunk: AudioChunk, frame: bytes) -> None:
        if self._checks.is_present(chunk.participant_id, "return audio") and self._checks.is_sound(chunk):
            self._speak(chunk, frame)

    def _on_speech(self, speech: Speech, _: bytes) -> None:
        participant_id = speech.participant_id
        if not self._checks.is_present(participant_id, "return audio"):
            return
        chunk = speech.chunk
        if not self._checks.is_sound(chunk):
            return
        match self.utterances.on_speech(speech.agent_id, participant_id, speech.utterance):
            case Verdict.LATE:
                self._losses.count("speech cancelled by a flush", participant_id, level=logging.DEBUG)
                return
            case Verdict.FLUSH_FIRST:
                self._stop(ReturnAudioFlush(participant_id))
        self._speak(chunk)

    def _on_data(self, message: DataMessage, frame: bytes) -> None:
        if not (self._checks.is_present(message.participant_id, "return data") and self._checks.is_data(message)):
            return
        sink = self._sink_of(message.participant_id)
        if sink is not None:
            sink.deliver_data(message)
        else:
            self._publish(topics.return_data(message.participant_id, message.topic), frame)

    def _on_flush(self, flush: ReturnAudioFlush, _: bytes) -> None:
        if self._checks.is_present(flush.participant_id, "flush"):
            self._stop(flush)

    def _speak(self, chunk: AudioChunk, frame: bytes | None = None) -> None:
        sink = self._sink_of(chunk.participant_id)
        if sink is not None:
            sink.deliver_audio(chunk)
        else:
            self._publish(topics.return_audio(chunk.participant_id), frame or encode(MsgType.RETURN_AUDIO, chunk))

    def _stop(self, flush: ReturnAudioFlush) -> None:
        sink = self._sink_of(flush.participant_id)
        if sink is not None:
            sink.deliver_flush(flush)
        else:
            topic = topics.return_audio_flush(flush.participant_id)
            self._publish(topic, encode(MsgType.RETURN_AUDIO_FLUSH, flush))

    def _sink_of(self, participant_id: str) -> ReturnSink | None:
        return self.sinks.get(self._roster.connector_of(participant_id) or "")
