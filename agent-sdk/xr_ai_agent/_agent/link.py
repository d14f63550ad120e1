"""An agent's sockets: the contract's two, and those that a hub of ours announces beside them."""

from collections.abc import Callable, Iterable
from typing import Final

import zmq

from xr_ai_agent._agent.control_channel import ControlChannel
from xr_ai_agent._agent.video_channel import VideoChannel
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.hub_link import HubLink
from xr_ai_agent._net.line import Dialer, Handler
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import reachable
from xr_ai_agent._wire.messages import HubWelcome

# Small on purpose: the rest of a long speech waits in its sender, so that a flush has little ahead of it.
_PUSH_HWM_MESSAGES: Final = 128
_VIDEO_PREFIX: Final = topics.VIDEO + b"."


class AgentLink(HubLink):
    """Carries the topics of video on a socket of their own where the hub has one."""

    def __init__(
        self,
        agent_id: str,
        addresses: tuple[str, str],
        keys: CurveKeys | None,
        losses: LossCounter,
        handlers: tuple[Handler, Handler, Handler],
        end_batch: Callable[[bool], None],
    ) -> None:
        """As `HubLink`.

        ``handlers`` take what comes on the contract's socket, on the one for video and on the control channel;
        ``end_batch`` is called after each batch of signals, with whether no more wait.
        """
        on_published, on_video, on_answer = handlers
        dialer = Dialer(keys, losses)
        self._end_video_batch = end_batch
        self._video_topics: set[bytes] = set()
        self.control = ControlChannel(agent_id, on_answer, dialer)
        self.video = VideoChannel(agent_id, on_video, end_batch, dialer)
        super().__init__(agent_id, addresses, dialer, _PUSH_HWM_MESSAGES, on_published, self._end_batch)

    @property
    def is_remote(self) -> bool:
        """Whether the hub is reached over a network, so that its memory cannot be mapped."""
        return self._dialer.keys is not None

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        self.control.close()
        self.video.close()
        super().close()

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic, on the socket that carries it."""
        if topic.startswith(_VIDEO_PREFIX):
            self._video_topics.add(topic)
            self.video.subscribe(topic)
            if self.video.is_live:
                return
        super().subscribe(topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if topic.startswith(_VIDEO_PREFIX):
            self._video_topics.discard(topic)
            self.video.unsubscribe(topic)
            if self.video.is_live:
                return
        super().unsubscribe(topic)

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so)."""
        await super().wait_subscribed()
        if self.video.is_live:
            await self.video.markers.wait()

    async def follow(self, welcome: HubWelcome) -> None:
        """Use what a hub announces beside the contract's two sockets; without them those two carry everything."""
        try:
            await self._follow(welcome)
        except zmq.ZMQError as error:
            self._dialer.losses.count("announced address unusable", f"{welcome.video} {welcome.control}: {error}")
            self.video.close()

    async def _follow(self, welcome: HubWelcome) -> None:
        if self.video.is_live:
            # The hub restarted: until its video socket is live, signals come through the contract's again.
            self.video.close()
            for topic in self._video_topics:
                self._sub.subscribe(topic)
        control, video = reachable(welcome.control, self._sub_addr), reachable(welcome.video, self._sub_addr)
        if control:
            self.control.open(control)
        if video and not self._sub.is_closed:
            await self.video.open(video, self._topics_of_video)
            for topic in self._video_topics if self.video.is_live else ():
                self._sub.unsubscribe(topic)

    def _topics_of_video(self) -> Iterable[bytes]:
        return tuple(self._video_topics)

    def _end_batch(self, drained: bool) -> None:
        if not self.video.is_live:
            self._end_video_batch(drained)
