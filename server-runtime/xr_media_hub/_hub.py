"""Puts the hub together, watches its parts, and takes it apart again."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any

from xr_ai_agent import (
    AddressInUseError,
    HubEndpoint,
    InsecureAddressError,
    KeyFileError,
    ParticipantEvent,
    RemoteAccess,
)
from xr_ai_program import Readiness, StartupError
from xr_ai_program.http import bind
from xr_media_hub._errors import HubTaskEnded
from xr_media_hub._health import Health, watch_server
from xr_media_hub._isolation import ISOLATION_NOTES
from xr_media_hub._metrics import metrics_registry
from xr_media_hub._report import report_stats
from xr_media_hub._stats import HubStats, measure_rates
from xr_media_hub._status_page import status_page
from xr_media_hub._who import WithoutNames
from xr_media_hub.config import HubConfig
from xr_media_hub.transport.livekit import LiveKitAccess, LiveKitConnector, LiveKitServer, ServerPlan
from xr_media_hub.web import (
    Clients,
    HubCertificate,
    MonitorSettings,
    TokenSettings,
    WebSettings,
    create_app,
    load_certificate,
    self_signed_certificate,
    serve_web,
)

if TYPE_CHECKING:
    from xr_media_hub.recording import Recorder

logger = logging.getLogger(__name__)

_SECRET_BYTES = 32
_CONNECTOR_ID = "livekit"
# Everybody is told within this time that the hub goes; after it the rooms die with the server.
_LEAVE_LIMIT_S = 1.0

Part = Coroutine[Any, Any, None]


async def serve(config: HubConfig, readiness: Readiness) -> None:
    """Run a hub until cancelled.

    Raises:
        StartupError: it cannot start here.
        HubError: a part that must run has ended.
    """
    async with AsyncExitStack() as stack:
        # What is taken most often comes first: it should say so before anything else was started.
        sock = _bind_web(config, stack)
        hub = stack.enter_context(closing(_bind_hub(config)))
        certificate = _certificate(config)
        secret = config.api_secret.get_secret_value() or secrets.token_urlsafe(_SECRET_BYTES)
        access = LiveKitAccess(config.internal_url, config.api_key, secret)
        stack.push_async_callback(access.aclose)
        stats = HubStats()
        hub.on_participant(_say_of_others)
        _conceal_names(stats, stack)
        recorder = _recorder(config, hub, stats)
        if recorder is not None:
            stack.push_async_callback(recorder.stop)
        health = Health(hub, stats, config.isolation, recorder.facts if recorder else None)
        parts: dict[str, Part] = {
            "ipc": hub.run(),
            "stats": measure_rates(stats),
            "watch": watch_server(access, health),
            "report": report_stats(health.facts),
        }
        if certificate is not None:
            parts["certificate"] = certificate.keep()
        try:
            server = await _livekit(config, access, secret, readiness, stack)
            if server is not None:
                parts["livekit"] = server
            connector = _connector(config, access, hub, stats)
            stack.push_async_callback(_leave_rooms, connector)
            for note in ISOLATION_NOTES[config.isolation]:
                logger.warning("isolation: %s: %s", config.isolation, note)
            await connector.start()
            started = asyncio.Event()
            if sock is not None:
                app = create_app(_web_settings(config, connector, health, certificate))
                tls = certificate.context if certificate else None
                parts["web"] = serve_web(
                    app, sock, config.internal_url, _clients(config), tls, started.set, connector.signalling.opened
                )
            else:
                started.set()
            await _run_parts(parts, started, lambda: readiness.ready(_ready_text(config)))
        finally:
            for part in parts.values():
                part.close()  # those that were never started


async def _run_parts(parts: dict[str, Part], started: asyncio.Event, on_started: Callable[[], None]) -> None:
    """Run all parts until the first one ends, which ends the hub."""
    tasks = {asyncio.create_task(part, name=name) for name, part in parts.items()}
    starting = asyncio.create_task(started.wait())
    try:
        await asyncio.wait({starting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if started.is_set():
            on_started()
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        _raise_end(ended)
    finally:
        await _cancel({starting, *tasks})


def _raise_end(ended: Iterable["asyncio.Task[None]"]) -> None:
    for task in ended:
        task.result()
    raise HubTaskEnded(f"{', '.join(task.get_name() for task in ended)} ended by itself, so the hub cannot go on")


async def _cancel(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _bind_web(config: HubConfig, stack: AsyncExitStack) -> socket.socket | None:
    if not config.enable_web_server:
        return None
    return stack.enter_context(closing(bind(config.web_server_host, config.web_server_port)))


def _bind_hub(config: HubConfig) -> HubEndpoint:
    try:
        hub = HubEndpoint(
            config.hub_push_addr, config.hub_sub_addr, data_max_bytes=config.max_data_bytes, remote=_remote(config)
        )
    except AddressInUseError as error:
        raise StartupError(
            f"{error}. Stop that hub, or give this one other addresses (XR_HUB_IN and XR_HUB_PUB, "
            f"or hub_push_addr and hub_sub_addr; remote.port for agents on other machines)."
        ) from error
    except InsecureAddressError as error:
        raise StartupError(
            f"{error}. In the configuration that is `remote:`; xr_media_hub --make-keys DIR makes the keys."
        ) from error
    except KeyFileError as error:
        raise StartupError(f"remote: {error}. xr_media_hub --make-keys DIR makes what is needed.") from error
    if hub.remote_addresses is not None:
        logger.info("agents on other machines: XR_HUB_PUB=%s XR_HUB_IN=%s", *hub.remote_addresses)
    return hub


def _conceal_names(stats: HubStats, stack: AsyncExitStack) -> None:
    """LiveKit's SDK warns of tracks, data and rooms by the names of their people."""
    sdk_logger, without_names = logging.getLogger("livekit"), WithoutNames(stats.members)
    sdk_logger.addFilter(without_names)
    stack.callback(sdk_logger.removeFilter, without_names)


def _say_of_others(event: ParticipantEvent) -> None:
    """Log who comes through a connector of another process: our own says so itself, and by a number."""
    if event.connector_id != _CONNECTOR_ID:
        logger.info("somebody %s through connector %s", "joined" if event.joined else "left", event.connector_id)


def _remote(config: HubConfig) -> RemoteAccess | None:
    remote = config.remote
    if not remote.enabled or remote.server_key is None or remote.client_keys is None:
        return None
    return RemoteAccess(remote.server_key, remote.client_keys, remote.host, remote.port)


def _recorder(config: HubConfig, hub: HubEndpoint, stats: HubStats) -> "Recorder | None":
    if not config.video_recording.enabled:
        return None
    try:
        from xr_media_hub.recording import Recorder
    except ModuleNotFoundError as error:
        raise StartupError(
            f"video_recording is enabled, and {error.name} is missing: pip install 'xr-media-hub[record]'"
        ) from error
    return Recorder(config.video_recording, config.video_codec, hub, stats.who)


def _certificate(config: HubConfig) -> HubCertificate | None:
    if not (config.enable_web_server and config.web_server_tls):
        return None
    if config.cert_file is not None and config.key_file is not None:
        return load_certificate(config.cert_file, config.key_file)
    return self_signed_certificate()


async def _livekit(
    config: HubConfig,
    access: LiveKitAccess,
    secret: str,
    readiness: Readiness,
    stack: AsyncExitStack,
) -> Part | None:
    """Start or find the LiveKit server; return what ends with it if it is ours."""
    if config.livekit_url:
        readiness.status(f"looking for LiveKit at {config.livekit_url}")
        if not await access.accepts_our_key():
            raise StartupError(
                f"no LiveKit server that accepts our key answers at {config.livekit_url}; start it, "
                f"or check livekit_url, api_key and api_secret"
            )
        return None  # its absence is survived: sessions rejoin by themselves
    readiness.status("starting the LiveKit server")
    plan = ServerPlan(
        binary=config.livekit_server_bin,
        api_key=config.api_key,
        api_secret=secret,
        port_ws=config.lk_port_ws,
        port_tcp=config.lk_port_tcp,
        port_udp=config.lk_port_udp,
        node_ip=config.node_ip,
    )
    server = await LiveKitServer.start(plan, access)
    stack.push_async_callback(server.stop)
    return server.wait_dead()


def _connector(config: HubConfig, access: LiveKitAccess, hub: HubEndpoint, stats: HubStats) -> LiveKitConnector:
    return LiveKitConnector(
        access,
        hub.connect_local(_CONNECTOR_ID),
        stats,
        hub_identity=config.identity,
        room_prefix=config.room_name,
        max_participants=config.max_participants,
        max_data_bytes=config.max_data_bytes,
        is_shared=config.isolation == "permissions",
        refuses_duplicates=config.duplicate_identity == "refuse",
    )


async def _leave_rooms(connector: LiveKitConnector) -> None:
    try:
        await asyncio.wait_for(connector.stop(), _LEAVE_LIMIT_S)
    except TimeoutError:
        logger.warning("not every room was left within %.0f s", _LEAVE_LIMIT_S)


def _web_settings(
    config: HubConfig, connector: LiveKitConnector, health: Health, certificate: HubCertificate | None
) -> WebSettings:
    notes = ISOLATION_NOTES[config.isolation]
    return WebSettings(
        token=TokenSettings(
            admit=connector.admit,
            join_code=config.join_code.get_secret_value(),
            is_tls=config.web_server_tls,
            public_url=config.public_url,
            rate_per_minute=config.token_rate_per_minute,
            allowed_origins=config.allowed_origins,
            is_recorded=config.video_recording.enabled,
        ),
        monitor=MonitorSettings(
            health=health.facts,
            status_page=lambda: status_page(health.facts(), notes),
            metrics=metrics_registry(health.facts),
            networks=config.status_networks,
        ),
        clients=_clients(config),
        client_dir=config.web_client_dir,
        certificate=certificate,
    )


def _clients(config: HubConfig) -> Clients:
    return Clients(config.trusted_proxies)


def _ready_text(config: HubConfig) -> str:
    if not config.enable_web_server:
        return "no web server is configured"
    scheme = "https" if config.web_server_tls else "http"
    host = config.web_server_host
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{config.web_server_port}"
