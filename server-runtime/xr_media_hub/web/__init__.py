"""The one port that clients reach: the page, tokens, the certificate, health, and LiveKit's signalling."""

from xr_media_hub.web._app import WebSettings, create_app
from xr_media_hub.web._certificates import HubCertificate, load_certificate, self_signed_certificate
from xr_media_hub.web._clients import Clients
from xr_media_hub.web._monitor import MonitorSettings
from xr_media_hub.web._server import serve_web
from xr_media_hub.web._token import TokenSettings

__all__ = (
    "Clients",
    "HubCertificate",
    "MonitorSettings",
    "TokenSettings",
    "WebSettings",
    "create_app",
    "load_certificate",
    "self_signed_certificate",
    "serve_web",
)
