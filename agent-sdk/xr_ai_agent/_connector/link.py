"""A connector's sockets: the contract's two, and the one on which a hub of ours sends flushes ahead of speech."""

from typing import Final

from xr_ai_agent._connector.flush_channel import FlushChannel
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.hub_link import HubLink
from xr_ai_agent._net.line import Dialer, Handler
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import reachable
from xr_ai_agent._wire.messages import HubWelcome

_PUSH_HWM_MESSAGES: Final = 1_000
# Pixels among them: half a second of a camera and a microphone.
_REMOTE_PUSH_HWM_MESSAGES: Final = 64


class ConnectorLink(HubLink):
    """Listens to the hub's own word from the beginning."""

    def __init__(
        self,
        connector_id: str,
        addresses: tuple[str, str],
        keys: CurveKeys | None,
        losses: LossCounter,
        on_published: Handler,
        on_flush: Handler,
    ) -> None:
        """As `HubLink`; ``on_flush`` takes what comes ahead of the rest."""
        hwm = _REMOTE_PUSH_HWM_MESSAGES if keys else _PUSH_HWM_MESSAGES
        super().__init__(connector_id, addresses, Dialer(keys, losses), hwm, on_published)
        self._flushes = FlushChannel(connector_id, on_flush, self._dialer)
        for topic in (topics.HUB, topics.inbox(connector_id)):
            self.subscribe(topic)

    def stop(self) -> None:
        """Read no more."""
        super().stop()
        self._flushes.close()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        self._flushes.close()
        super().close()

    def follow(self, welcome: HubWelcome) -> None:
        """Use what a hub announces beside the contract's two sockets."""
        self._flushes.open(reachable(welcome.video, self._sub_addr))
