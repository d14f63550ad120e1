"""LiveKit as the transport: a server process of our own (or a given one) and one room per participant."""

from xr_media_hub.transport.livekit._binary import find_server_binary
from xr_media_hub.transport.livekit._connector import Admission, LiveKitConnector
from xr_media_hub.transport.livekit._rooms import LiveKitAccess
from xr_media_hub.transport.livekit._server import LiveKitServer, ServerPlan

__all__ = ("Admission", "LiveKitAccess", "LiveKitConnector", "LiveKitServer", "ServerPlan", "find_server_binary")
