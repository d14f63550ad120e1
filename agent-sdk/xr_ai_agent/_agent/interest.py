"""What an agent listens to: flags per participant, turned into topic subscriptions."""

from collections.abc import Callable

from xr_ai_agent._wire import topics
from xr_ai_agent._wire.messages import Subscribe


class Interest:
    """Keeps a SUB socket's topics in step with the wanted flags of each participant.

    What is wanted of everyone is subscribed before anyone joins: a subscription made on a join reaches the hub
    after the first messages of whoever joined.
    """

    def __init__(
        self, subscribe: Callable[[bytes], None], unsubscribe: Callable[[bytes], None], everyone: Subscribe
    ) -> None:
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._everyone = everyone
        self._flags: dict[str, Subscribe] = {}
        # Asked for every message; arithmetic on flags costs more than the rest of its way through here.
        self.video: set[str] = set()
        self.audio: set[str] = set()
        self.data: set[str] = set()
        # A v0.1 hub broadcasts the pixels somebody asked for; ours sends them to the asker alone.
        self._broadcast_pixels = True
        self._apply(set(), self._topics_of_everyone())

    @property
    def participants(self) -> frozenset[str]:
        """Whom the agent listens to."""
        return frozenset(self._flags)

    @property
    def counts(self) -> tuple[int, int, int]:
        """To how many participants' video, sound and data the agent listens."""
        return len(self.video), len(self.audio), len(self.data)

    def of(self, participant_id: str) -> Subscribe:
        """Return what is wanted of a participant."""
        return self._flags.get(participant_id, Subscribe.NONE)

    def listen(self, participant_id: str, flags: Subscribe) -> None:
        """Listen to exactly these kinds of a participant; with none, forget them."""
        before = self._topics(participant_id)
        if flags:
            self._flags[participant_id] = flags
        else:
            self._flags.pop(participant_id, None)
        for flag, wanted in ((Subscribe.VIDEO, self.video), (Subscribe.AUDIO, self.audio), (Subscribe.DATA, self.data)):
            (wanted.add if flags & flag else wanted.discard)(participant_id)
        self._apply(before, self._topics(participant_id))

    def stop_broadcast_pixels(self) -> None:
        """Do not listen to broadcast pixels: this hub addresses them."""
        before = self._all_topics()
        self._broadcast_pixels = False
        self._apply(before, self._all_topics())

    def _apply(self, before: set[bytes], after: set[bytes]) -> None:
        for topic in after - before:
            self._subscribe(topic)
        for topic in before - after:
            self._unsubscribe(topic)

    def _all_topics(self) -> set[bytes]:
        return self._topics_of_everyone().union(*(self._topics(participant_id) for participant_id in self._flags))

    def _topics_of_everyone(self) -> set[bytes]:
        return {kind + b"." for kind in self._kinds(self._everyone)}

    def _topics(self, participant_id: str) -> set[bytes]:
        own = self._kinds(self.of(participant_id) & ~self._everyone)
        return {kind + b"." + participant_id.encode() + b"." for kind in own}

    def _kinds(self, flags: Subscribe) -> set[bytes]:
        kinds = set()
        if flags & Subscribe.DATA:
            kinds.add(topics.DATA)
        if flags & Subscribe.AUDIO:
            kinds.add(topics.AUDIO)
        if flags & Subscribe.VIDEO:
            kinds.add(topics.VIDEO)
            if self._broadcast_pixels:
                kinds.add(topics.VIDEO_DATA)
        return kinds
