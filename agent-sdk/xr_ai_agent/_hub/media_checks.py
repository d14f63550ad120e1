"""What sound, data and frames must be to pass the hub, whichever way they go; what is refused is counted."""

from typing import Final

from xr_ai_agent._connector.picture import check_picture
from xr_ai_agent._errors import MalformedMessageError
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire.ids import validate_topic
from xr_ai_agent._wire.messages import AudioChunk, DataMessage, PixelFormat

_BYTES_PER_SAMPLE: Final = 4
# One chunk: more than a minute of 48 kHz, as a speech server that does not stream may give it in one piece.
_SOUND_MAX_BYTES: Final = 16 * 2**20
# A broadcast between programs: what is larger belongs into a file that it names.
_CONTROL_MAX_BYTES: Final = 2**20


class MediaChecks:
    """Each method says whether something passes."""

    def __init__(self, roster: Roster, data_max_bytes: int, losses: LossCounter) -> None:
        self._roster = roster
        self._data_max_bytes = data_max_bytes
        self._losses = losses

    def is_present(self, participant_id: str, what: str) -> bool:
        """Whether a participant is connected; else it is not theirs to say or hear."""
        if participant_id in self._roster:
            return True
        self._losses.count(
            f"{what} of nobody dropped", "the participant is not connected", who=f"{participant_id!r:.80}"
        )
        return False

    def is_of(self, connector_id: str, participant_id: str, what: str) -> bool:
        """Whether a participant came in through a connector, which alone may pass on what is theirs."""
        if self._roster.connector_of(participant_id) == connector_id:
            return True
        if self.is_present(participant_id, what):
            self._losses.count(
                f"{what} of nobody dropped", "the participant came in through another connector", who=participant_id
            )
        return False

    def is_sound(self, chunk: AudioChunk) -> bool:
        """Whether a chunk has as many bytes as it says, and not too many."""
        if len(chunk.data) > _SOUND_MAX_BYTES:
            return self._refuse("oversized audio dropped", f"{len(chunk.data)} bytes; at most {_SOUND_MAX_BYTES}")
        expected = chunk.samples * chunk.channels * _BYTES_PER_SAMPLE
        return len(chunk.data) == expected or self._refuse(
            "malformed audio dropped",
            f"{len(chunk.data)} bytes for {chunk.samples} samples × {chunk.channels} channels; expected {expected}",
        )

    def is_data(self, message: DataMessage) -> bool:
        """Whether a message is not too large. Raises InvalidIdError for its topic."""
        validate_topic(message.topic)
        return len(message.data) <= self._data_max_bytes or self._refuse(
            "oversized data dropped", f"{len(message.data)} bytes; at most {self._data_max_bytes}"
        )

    def is_control(self, frame: bytes) -> bool:
        """Whether an encoded broadcast is not too large."""
        return len(frame) <= _CONTROL_MAX_BYTES or self._refuse(
            "oversized control dropped", f"{len(frame)} bytes; at most {_CONTROL_MAX_BYTES}"
        )

    def is_picture(self, fmt: PixelFormat, width: int, height: int, size_bytes: int) -> bool:
        """Whether a frame has as many bytes as its format and size say."""
        try:
            check_picture(fmt, width, height, size_bytes)
        except MalformedMessageError as error:
            return self._refuse("malformed frame dropped", str(error))
        return True

    def _refuse(self, kind: str, detail: str) -> bool:
        self._losses.count(kind, detail)
        return False
