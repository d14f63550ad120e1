"""A participant in Python: robots, tests and load join a hub as a person's browser would.

::

    async with await Participant.join("https://hub:8080", "robot-1", ca_file=Path("hub.crt")) as robot:
        robot.on_audio(lambda heard: print(heard.rms))
        await robot.say_wav(Path("hello.wav"))
        camera = await robot.open_camera(picture)        # uint8 RGB (height, width, 3)
        await robot.send_data("view.pose", pose)
        async for message in robot.data():
            print(message.topic, message.text)

Errors (all derive from `ClientError`)::

    ClientError
    ├── JoinRefusedError                        the hub refuses the identity or the code (``status``)
    ├── ConnectionFailedError (ConnectionError) no hub there, an untrusted certificate, no way into the room
    ├── NotConnectedError (RuntimeError)        the participant has left
    ├── NotPublishedError (ConnectionError)     the media server did not take a microphone or camera
    ├── NotSentError (ConnectionError)          the connection broke before a data message was sent
    └── DataTooLargeError (ValueError)          no hub takes so large a data message
"""

from xr_ai_client._data_line import MAX_DATA_BYTES, ReceivedData
from xr_ai_client._errors import (
    ClientError,
    ConnectionFailedError,
    DataTooLargeError,
    JoinRefusedError,
    NotConnectedError,
    NotPublishedError,
    NotSentError,
)
from xr_ai_client.audio import HeardAudio, read_wav, rms
from xr_ai_client.participant import HUB_IDENTITY, Camera, Participant

__all__ = (
    "HUB_IDENTITY",
    "MAX_DATA_BYTES",
    "Camera",
    "ClientError",
    "ConnectionFailedError",
    "DataTooLargeError",
    "HeardAudio",
    "JoinRefusedError",
    "NotConnectedError",
    "NotPublishedError",
    "NotSentError",
    "Participant",
    "ReceivedData",
    "read_wav",
    "rms",
)
