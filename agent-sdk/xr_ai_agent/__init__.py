"""Write an agent that sees, hears and answers the people connected to an XR media hub.

An agent::

    from xr_ai_agent import AudioChunk, DataMessage, ProcessorEndpoint, hub_addresses

    pub, pull = hub_addresses()                      # XR_HUB_PUB and XR_HUB_IN, else the defaults under /tmp
    hub = ProcessorEndpoint(sub_addr=pub, push_addr=pull)

    async def answer(message: DataMessage) -> None:
        await hub.send_return_data(DataMessage(message.participant_id, "agent.response", 0, b"hello"))

    hub.on_data(answer)                              # also on_frame, on_frame_data, on_audio, on_participant
    await hub.run()                                  # until hub.stop()

`ProcessorEndpoint` also has ``connected_participants``, ``subscribe``/``unsubscribe``, ``request_frame`` (a copy, or
with ``copy=False`` read in place for as long as it is held), ``borrow_frame`` (no copy), ``send_return_audio``,
``send_return_data``, ``flush_return_audio`` and ``set_status``.
A callback is a coroutine function (a task per message) or a plain function (called at once); an exception in one is
logged with its traceback and counted, and nothing else is affected.

A hub::

    hub = HubEndpoint(pull_addr=pull, pub_addr=pub)  # binds; AddressInUseError if another hub is there
    connector = hub.connect_local("livekit")         # a transport in this process: one hop, no sockets
    await hub.run()                                  # until hub.stop(); then hub.close()

Other machines: ``HubEndpoint(remote=RemoteAccess(server_key, client_keys))`` opens four TCP ports for agents and
connectors whose public key lies in ``client_keys``. Those pass ``keys=CurveKeys(their secret key file, the hub's public
one)`` or name both in XR_HUB_CLIENT_KEY and XR_HUB_SERVER_KEY. `create_key_pair` makes the files.

An event loop of uvloop, where it is installed, shortens every latency.

A transport in another process uses `ConnectorEndpoint`; both satisfy the `Connector` protocol.

Errors (all derive from `AgentSdkError`)::

    AgentSdkError
    ├── CodecError
    │   ├── UnknownMessageError (KeyError)       a message id nobody registered
    │   └── MalformedMessageError (ValueError)   bytes that are not what they claim to be
    ├── InvalidIdError (ValueError)              a name that must not cross the hub
    ├── AddressInUseError (OSError)              another hub serves the address
    ├── InsecureAddressError (ValueError)        other machines could reach the hub without a key
    ├── KeyFileError (ValueError)                a CURVE key file is missing or holds no key
    └── RingError (RuntimeError)
        ├── RingFullError                        the hub still holds every slot
        └── FrameTooLargeError (ValueError)      a frame does not fit a slot
"""

from xr_ai_agent._agent.borrowed import BorrowedFrame
from xr_ai_agent._agent.endpoint import ProcessorEndpoint
from xr_ai_agent._connector.api import Connector
from xr_ai_agent._connector.endpoint import ConnectorEndpoint
from xr_ai_agent._errors import (
    AddressInUseError,
    AgentSdkError,
    CodecError,
    FrameTooLargeError,
    InsecureAddressError,
    InvalidIdError,
    KeyFileError,
    MalformedMessageError,
    RingError,
    RingFullError,
    UnknownMessageError,
)
from xr_ai_agent._hub.endpoint import AgentStats, HubEndpoint, HubStats
from xr_ai_agent._hub.frame_store import SlotView
from xr_ai_agent._hub.local_connector import LocalConnector
from xr_ai_agent._hub.pulses import Pulse
from xr_ai_agent._net.curve import CurveKeys, RemoteAccess, create_key_pair
from xr_ai_agent._wire.addresses import DEFAULT_PUB_ADDR, DEFAULT_PULL_ADDR, HubAddresses, hub_addresses
from xr_ai_agent._wire.codec import decode, encode, register_decoder, register_encoder
from xr_ai_agent._wire.ids import validate_participant_id, validate_topic
from xr_ai_agent._wire.messages import (
    AGENT_STATUS_TOPIC,
    AudioChunk,
    ConnectorRegistration,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameRequest,
    FrameSignal,
    FrameView,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RosterRequest,
    Subscribe,
)

__all__ = (
    "AGENT_STATUS_TOPIC",
    "DEFAULT_PUB_ADDR",
    "DEFAULT_PULL_ADDR",
    "AddressInUseError",
    "AgentSdkError",
    "AgentStats",
    "AudioChunk",
    "BorrowedFrame",
    "CodecError",
    "Connector",
    "ConnectorEndpoint",
    "ConnectorRegistration",
    "ControlMessage",
    "CurveKeys",
    "DataMessage",
    "FrameData",
    "FrameRequest",
    "FrameSignal",
    "FrameTooLargeError",
    "FrameView",
    "HubAddresses",
    "HubEndpoint",
    "HubStats",
    "InsecureAddressError",
    "InvalidIdError",
    "KeyFileError",
    "LocalConnector",
    "MalformedMessageError",
    "MsgType",
    "ParticipantEvent",
    "PixelFormat",
    "ProcessorEndpoint",
    "Pulse",
    "RemoteAccess",
    "ReturnAudioFlush",
    "RingError",
    "RingFullError",
    "RosterRequest",
    "SlotView",
    "Subscribe",
    "UnknownMessageError",
    "create_key_pair",
    "decode",
    "encode",
    "hub_addresses",
    "register_decoder",
    "register_encoder",
    "validate_participant_id",
    "validate_topic",
)
