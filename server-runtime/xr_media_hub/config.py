"""The hub's configuration file as a model; `server-runtime/xr_media_hub.yaml` documents every key."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from xr_ai_agent import hub_addresses
from xr_ai_config import ConfigPath

__all__ = ("HubConfig", "RemoteAgents", "VideoRecording")

# What passes in one packet of the media server's.
PACKET_BYTES = 60_000
# livekit-server refuses nothing shorter, but HS256 asks for a key as long as its hash (RFC 7518 §3.2).
_MIN_SECRET_CHARS = 32
# Where agents subscribe, push, see and ask.
REMOTE_PORTS = 4
_WEBSOCKET_SCHEMES = ("ws", "wss")

_IPC_ADDRESS = re.compile(r"ipc://.+|tcp://[^/]+:([0-9]{1,5}|\*)")
_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    try:
        return ipaddress.ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"expected an address or a network such as 10.0.0.0/8: {error}") from None


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("expected what a browser sends as Origin, such as https://app.example.org, or *")
    return value


Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(_network), WithJsonSchema({"type": "string"})
]
Origin = Annotated[str, AfterValidator(_origin)]
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_TOKEN_SERVER_KEYS = (
    "enable_token_server",
    "token_server_host",
    "token_server_port",
    "token_server_url",
    "browser_dir",
)
_RING_KEYS = ("shm_num_slots", "shm_max_frame_bytes")
RETIRED_KEYS = (*_TOKEN_SERVER_KEYS, *_RING_KEYS)
"""Keys of v0.1 that are taken and do nothing; see `HubConfig.notes`."""
_V01_TOKEN_PORT = 8000


def _wanted(value: object) -> object:
    """Return what a retired key asks for; nothing, where it says that it is not wanted."""
    return None if value is False or value == "" else value


Retired = Annotated[Any, PlainValidator(_wanted), WithJsonSchema({"deprecated": True})]
Port = Annotated[int, Field(ge=1, le=65535)]
# v0.1 configurations say "" for "none"; as a path that would be the file's own folder.
OptionalPath = Annotated[ConfigPath | None, BeforeValidator(lambda value: None if value == "" else value)]


_BITS_PER_BYTE = 8
# What a file still gets when the cap is noticed: the second under way, and the one before it, larger than intended.
_HEADROOM_S = 3
# Fewer files than this under the cap, and the oldest would be gone before anybody could look at it.
_LEAST_HEADROOMS = 8


class VideoRecording(BaseModel):
    """What is recorded, and how much of it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    out_dir: ConfigPath = Path("/dev/shm/xr-ai/recordings")
    segment_s: float = Field(default=60.0, ge=1.0, le=3600.0)
    segment_bytes: int = Field(default=64 * 2**20, ge=2**16)
    chunk_frames: int = Field(default=0, ge=0)
    sample_fps: float = Field(default=30.0, gt=0.0, le=240.0)
    bitrate: int = Field(default=4_000_000, ge=50_000, le=200_000_000)
    audio: bool = True
    audio_bitrate: int = Field(default=32_000, ge=6_000, le=510_000)
    gpu_id: int = Field(default=0, ge=0)
    when_full: Literal["delete_oldest", "stop"] = "delete_oldest"
    max_total_bytes: int = Field(default=524_288_000, ge=0)

    @property
    def headroom_bytes(self) -> int:
        """What stays free below ``max_total_bytes`` for each file that is being written."""
        return _HEADROOM_S * self.bitrate // _BITS_PER_BYTE

    @field_validator("max_total_bytes")
    @classmethod
    def _holds_a_few_files(cls, value: int, info: ValidationInfo) -> int:
        least = _LEAST_HEADROOMS * _HEADROOM_S * int(info.data.get("bitrate", 0)) // _BITS_PER_BYTE
        if 0 < value < least:
            raise ValueError(f"expected at least {least} bytes at this bitrate, or 0 for no cap")
        return value


class RemoteAgents(BaseModel):
    """Agents on other machines: who may connect, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    host: str = "0.0.0.0"
    port: int = Field(default=7900, ge=1, le=65_535 - REMOTE_PORTS + 1)
    server_key: OptionalPath = Field(default=None, validate_default=True)
    client_keys: OptionalPath = Field(default=None, validate_default=True)

    @field_validator("host")
    @classmethod
    def _is_ipv4(cls, value: str) -> str:
        try:
            ipaddress.IPv4Address(value)
        except ValueError:
            raise ValueError("expected an IPv4 address of this machine, or 0.0.0.0 for all of them") from None
        return value

    @field_validator("server_key", "client_keys")
    @classmethod
    def _is_named(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("enabled") and value is None:
            raise ValueError(f"{info.field_name} is needed when enabled; xr_media_hub --make-keys DIR makes both")
        return value

    @field_validator("server_key")
    @classmethod
    def _is_secret(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix != ".key_secret":
            raise ValueError("expected the hub's secret key, NAME.key_secret")
        return value


class HubConfig(BaseModel):
    """Everything a hub can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transport: Literal["livekit"] = "livekit"
    isolation: Literal["room", "permissions"] = "room"
    identity: str = Field("xr-hub-connector", min_length=1)
    room_name: str = Field("xr-room", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    join_code: SecretStr = SecretStr("")
    duplicate_identity: Literal["rename", "refuse"] = "rename"
    max_participants: int = Field(32, ge=1, le=1024)
    max_data_bytes: int = Field(16 * 2**20, ge=PACKET_BYTES, le=32 * 2**20)

    api_key: str = "xr-hub"
    api_secret: SecretStr = SecretStr("")
    livekit_url: str = ""
    livekit_server_bin: OptionalPath = None
    lk_port_ws: Port = 7880
    lk_port_tcp: Port = 7881
    lk_port_udp: Port = 7882
    lk_internal_url: str = ""
    node_ip: str = ""

    enable_web_server: bool = True
    web_server_host: str = "0.0.0.0"
    web_server_port: Port = 8080
    web_server_tls: bool = True
    token_rate_per_minute: int = Field(60, ge=0)
    allowed_origins: tuple[Origin, ...] = ()
    trusted_proxies: tuple[Network, ...] = LOOPBACK
    status_networks: tuple[Network, ...] = LOOPBACK
    web_client_dir: OptionalPath = None
    cert_file: OptionalPath = None
    key_file: OptionalPath = Field(None, validate_default=True)
    public_url: str = ""

    hub_push_addr: str = Field(default_factory=lambda: hub_addresses().pull)
    hub_sub_addr: str = Field(default_factory=lambda: hub_addresses().pub)

    remote: RemoteAgents = RemoteAgents()

    video_codec: Literal["auto", "hardware", "software"] = "auto"
    # v0.1 configurations say null for "none".
    video_recording: Annotated[VideoRecording, BeforeValidator(lambda value: {} if value is None else value)] = (
        VideoRecording()
    )

    enable_token_server: Retired = None
    token_server_host: Retired = None
    token_server_port: Retired = None
    token_server_url: Retired = None
    browser_dir: Retired = None
    shm_num_slots: Retired = None
    shm_max_frame_bytes: Retired = None

    @property
    def internal_url(self) -> str:
        """Where the hub itself reaches LiveKit; follows ``lk_port_ws`` unless a server was named."""
        return self.livekit_url or self.lk_internal_url or f"ws://127.0.0.1:{self.lk_port_ws}"

    def notes(self) -> Iterator[str]:
        """Yield what somebody should know who wrote this: which keys of v0.1 do nothing, and what does it now."""
        given = [key for key in RETIRED_KEYS if getattr(self, key) is not None]
        sentences = []
        if ring := [key for key in given if key in _RING_KEYS]:
            sentences.append(f"{', '.join(ring)} (each video track has memory of its own, sized to its frames)")
        if tokens := [key for key in given if key in _TOKEN_SERVER_KEYS]:
            sentences.append(f"{', '.join(tokens)} ({self._token_server_text()})")
        if sentences:
            yield f"keys of v0.1 that do nothing any more, and may be removed: {'; '.join(sentences)}"

    def _token_server_text(self) -> str:
        if not self.enable_token_server:
            return "there is no second token server to set up"
        scheme = "https" if self.web_server_tls else "http"
        old_port = self.token_server_port or _V01_TOKEN_PORT
        return (
            f"there is no second token server: clients that went to http://THIS_HOST:{old_port} must go to "
            f"{scheme}://THIS_HOST:{self.web_server_port} for their token and page; public_url and web_client_dir say "
            f"what token_server_url and browser_dir said"
        )

    @field_validator("enable_token_server")
    @classmethod
    def _has_a_replacement(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("enable_web_server") is False:
            raise ValueError(
                "there is no second token server any more: with enable_web_server: false nobody could join; set it to "
                "true, and web_server_port to the port that clients know"
            )
        return value

    @field_validator("hub_push_addr", "hub_sub_addr")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not _IPC_ADDRESS.fullmatch(value):
            raise ValueError("expected ipc://PATH, or tcp://127.0.0.1:PORT")
        return value

    @field_validator("livekit_url", "lk_internal_url", "public_url")
    @classmethod
    def _is_websocket_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in _WEBSOCKET_SCHEMES or not urlsplit(value).hostname):
            raise ValueError("expected a URL that starts with ws:// or wss:// and names a host")
        return value

    @field_validator("node_ip")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            ipaddress.ip_address(value)
        return value

    @field_validator("api_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value) < _MIN_SECRET_CHARS:
            raise ValueError(
                f"expected at least {_MIN_SECRET_CHARS} characters, or nothing: then one is made for this run"
            )
        return value

    @field_validator("livekit_url")
    @classmethod
    def _has_its_own_key(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("api_secret") == SecretStr(""):
            raise ValueError("this names a server of yours: api_key and api_secret must be its own")
        return value

    @field_validator("lk_internal_url")
    @classmethod
    def _is_the_server_started(cls, value: str, info: ValidationInfo) -> str:
        port = info.data.get("lk_port_ws")
        if value and info.data.get("livekit_url"):
            raise ValueError("livekit_url names the server already; leave this out")
        if value and port is not None and urlsplit(value).port != port:
            raise ValueError(f"expected lk_port_ws ({port}) as its port; leave this out and it follows")
        return value

    @field_validator("key_file")
    @classmethod
    def _belongs_to_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "cert_file" in info.data and (info.data["cert_file"] is None) != (value is None):
            raise ValueError("cert_file and key_file belong together: give both, or neither to have them made")
        return value
