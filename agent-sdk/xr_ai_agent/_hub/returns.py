"""What agents say to participants: to the connector of each, and to nobody else."""

import logging
from collections.abc import Callable, Container
from typing import Any

from xr_ai_agent._hub.media_checks import MediaChecks
from xr_ai_agent._hub.ports import Outlets, ReturnSink
from xr_ai_agent._hub.stream_counts import StreamCounts
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._utterances import Utterances, Verdict
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import AudioChunk, DataMessage, MsgType, ReturnAudioFlush, Speech, SpeechFlush


class ReturnPath:
    """Passes speech, data and flushes on: by a call to a connector in this process, published to any other.

    One of ours in another process (it has an inbox) is told the number of the flush before each chunk, and each flush
    on two sockets: on the one for frame signals, where no speech is ahead of it, and in order with the speech.
    """

    def __init__(
        self,
        outlets: Outlets,
        roster: Roster,
        inboxes: Container[str],
        checks: MediaChecks,
        streams: StreamCounts,
        losses: LossCounter,
    ) -> None:
        self.sinks: dict[str, ReturnSink] = {}
        """The connectors of this process, by id."""
        self.utterances = Utterances()
        self._publish = outlets.publish
        self._publish_ahead = outlets.publish_video
        self._roster = roster
        self._inboxes = inboxes
        self._checks = checks
        self._streams = streams
        self._losses = losses
        # To participants of connectors in other processes. One count for all, so that no session begins with a number
        # below that of an earlier one.
        self._flushes = 0
        self._last_flush: dict[str, int] = {}

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
            self._stop(flush.participant_id)

    def drop_participant(self, participant_id: str) -> None:
        """Forget a participant who is gone."""
        self.utterances.drop_participant(participant_id)
        self._last_flush.pop(participant_id, None)

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
                self._stop(participant_id)
        self._speak(chunk)

    def _on_data(self, message: DataMessage, frame: bytes) -> None:
        if not (self._checks.is_present(message.participant_id, "return data") and self._checks.is_data(message)):
            return
        _, sink = self._connector_of(message.participant_id)
        if sink is not None:
            sink.deliver_data(message)
        else:
            self._publish(topics.return_data(message.participant_id, message.topic), frame)
            self._streams.add(topics.RETURN_DATA, message.participant_id)

    def _on_flush(self, flush: ReturnAudioFlush, _: bytes) -> None:
        if self._checks.is_present(flush.participant_id, "flush"):
            self._stop(flush.participant_id)

    def _speak(self, chunk: AudioChunk, frame: bytes | None = None) -> None:
        participant_id = chunk.participant_id
        connector_id, sink = self._connector_of(participant_id)
        if sink is not None:
            sink.deliver_audio(chunk)
            return
        if connector_id in self._inboxes:
            number = self._last_flush.setdefault(participant_id, self._flushes)
            frame = encode(MsgType.SPEECH, Speech.of(chunk, "", number))
        self._publish(topics.return_audio(participant_id), frame or encode(MsgType.RETURN_AUDIO, chunk))
        self._streams.add(topics.RETURN_AUDIO, participant_id)

    def _stop(self, participant_id: str) -> None:
        connector_id, sink = self._connector_of(participant_id)
        topic = topics.return_audio_flush(participant_id)
        if sink is not None:
            sink.deliver_flush(ReturnAudioFlush(participant_id))
        elif connector_id in self._inboxes:
            self._flushes += 1
            self._last_flush[participant_id] = self._flushes
            frame = encode(MsgType.SPEECH_FLUSH, SpeechFlush("", self._flushes, participant_id))
            self._publish_ahead(topics.inbox(connector_id), frame)
            self._publish(topic, frame)
        else:
            self._publish(topic, encode(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush(participant_id)))

    def _connector_of(self, participant_id: str) -> tuple[str, ReturnSink | None]:
        connector_id = self._roster.connector_of(participant_id) or ""
        return connector_id, self.sinks.get(connector_id)
