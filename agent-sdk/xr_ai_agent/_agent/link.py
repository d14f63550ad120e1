"""An agent's sockets: the contract's two, and those that a hub of ours announces beside them."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import zmq

from xr_ai_agent._agent.control_channel import ControlChannel
from xr_ai_agent._agent.video_channel import VideoChannel
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._net.refusal import RefusalWatch, connect_watched
from xr_ai_agent._net.sockets import PushSender, SocketReader, open_socket
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import reachable
from xr_ai_agent._wire.messages import HubWelcome

logger = logging.getLogger(__name__)

# Small on purpose: the rest of a long speech waits in its sender, so that a flush has little ahead of it.
_PUSH_HWM_MESSAGES: Final = 128
_SUB_HWM_MESSAGES: Final = 20_000

_Handler = Callable[[list[bytes]], None]


class AgentLink:
    """Connects to a hub, which may come, go and come back; says nothing and understands nothing by itself."""

    def __init__(
        self,
        agent_id: str,
        addresses: tuple[str, str],
        keys: CurveKeys | None,
        losses: LossCounter,
        handlers: tuple[_Handler, _Handler, _Handler],
        end_batch: Callable[[bool], None],
    ) -> None:
        """Connect to (where the hub publishes, where it takes messages in).

        ``handlers`` take what comes on the contract's socket, on the one for video and on the control channel;
        ``end_batch`` is called after each batch of signals, with whether no more wait. Raises KeyFileError.
        """
        self._sub_addr, push_addr = addresses
        self._keys = keys
        self._losses = losses
        self._end_video_batch = end_batch
        self._on_published, on_video, on_answer = handlers
        self._sub = open_socket(zmq.SUB)
        self._sub.rcvhwm = _SUB_HWM_MESSAGES
        self._push = open_socket(zmq.PUSH)
        self._push.sndhwm = _PUSH_HWM_MESSAGES
        self._reader = SocketReader(self._sub, self._on_message, losses, self._end_batch)
        self.sender = PushSender(self._push, losses)
        self.control = ControlChannel(agent_id, on_answer, losses)
        self.video = VideoChannel(agent_id, on_video, end_batch, losses)
        self._video_topics: set[bytes] = set()
        self._markers = SubscriptionMarkers(agent_id, self._add, self._drop)
        self._is_closed = False
        self._refusals = [self._connect(self._sub, self._sub_addr), self._connect(self._push, push_addr)]

    @property
    def is_remote(self) -> bool:
        """Whether the hub is reached over a network, so that its memory cannot be mapped."""
        return self._keys is not None

    def start(self) -> None:
        """Begin to read on the running loop."""
        self._reader.start()
        self.sender.start()
        for refusal in self._refusals:
            if refusal is not None:
                refusal.start()

    def stop(self) -> None:
        """Read no more from the contract's socket."""
        self._reader.stop()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        self._is_closed = True
        while self._refusals:
            if (refusal := self._refusals.pop()) is not None:
                refusal.close()
        self._reader.stop()
        self.sender.stop()
        self.control.close()
        self.video.close()
        self._sub.close()
        self._push.close()

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic, on the socket that carries it."""
        if topic.startswith(_VIDEO_PREFIX):
            self._video_topics.add(topic)
            self.video.subscribe(topic)
            if self.video.is_live:
                return
        self._add(topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if self._is_closed:
            return
        if topic.startswith(_VIDEO_PREFIX):
            self._video_topics.discard(topic)
            self.video.unsubscribe(topic)
            if self.video.is_live:
                return
        self._drop(topic)

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so)."""
        await self._markers.wait()
        if self.video.is_live:
            await self.video.markers.wait()

    async def follow(self, welcome: HubWelcome) -> None:
        """Use what a hub announces beside the contract's two sockets; without them those two carry everything."""
        try:
            await self._follow(welcome)
        except zmq.ZMQError as error:
            self._losses.count("announced address unusable", f"{welcome.video} {welcome.control}: {error}")
            self.video.close()

    async def _follow(self, welcome: HubWelcome) -> None:
        if self.video.is_live:
            # The hub restarted: until its video socket is live, signals come through the contract's again.
            self.video.close()
            for topic in self._video_topics:
                self._add(topic)
        control, video = reachable(welcome.control, self._sub_addr), reachable(welcome.video, self._sub_addr)
        if control:
            self.control.open(control, self._connect_and_watch)
        if video and not self._is_closed:
            await self.video.open(video, self._connect_and_watch, self._topics_of_video)
            for topic in self._video_topics if self.video.is_live else ():
                self._drop(topic)

    def _topics_of_video(self) -> Iterable[bytes]:
        return tuple(self._video_topics)

    def _connect(self, socket: zmq.Socket[bytes], address: str) -> RefusalWatch | None:
        return connect_watched(socket, address, self._keys, self._losses)

    def _connect_and_watch(self, socket: zmq.Socket[bytes], address: str) -> RefusalWatch | None:
        refusal = self._connect(socket, address)
        if refusal is not None:
            refusal.start()
        return refusal

    def _add(self, topic: bytes) -> None:
        if not self._is_closed:
            self._sub.subscribe(topic)
            self._reader.check()

    def _drop(self, topic: bytes) -> None:
        if not self._is_closed:
            self._sub.unsubscribe(topic)
            self._reader.check()

    def _end_batch(self, drained: bool) -> None:
        if not self.video.is_live:
            self._end_video_batch(drained)

    def _on_message(self, parts: list[bytes]) -> None:
        self._on_published(parts)
        if self._markers.is_waiting:
            self._markers.on_topic(parts[0])


_VIDEO_PREFIX: Final = topics.VIDEO + b"."
