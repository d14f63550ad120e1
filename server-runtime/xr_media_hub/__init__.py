"""The one process that clients connect to: media and data in, replies out, and nobody hears what is not theirs.

    transport/   how participants reach us (LiveKit: the server process, one room per participant, return voice)
    web/         the one public port: static client, /token, /cert, /health and the signalling proxy
    ipc          the agents' side, re-exported from `xr_ai_agent`

Errors (all derive from `xr_ai_program.ProgramError`)::

    ProgramError
    ├── StartupError             the hub cannot start here (port taken, no LiveKit server, bad certificate)
    └── HubError
        ├── LiveKitServerDied    the server we run exited; the message ends with its last lines
        ├── HubTaskEnded         a part of the hub that must not stop did
        ├── JoinRefused          a participant cannot be admitted now; the message is for the client
        └── RoomUnavailable      LiveKit did not give us a room
"""

from xr_media_hub._errors import HubError, HubTaskEnded, JoinRefused, LiveKitServerDied, RoomUnavailable

__all__ = ("HubError", "HubTaskEnded", "JoinRefused", "LiveKitServerDied", "RoomUnavailable")
