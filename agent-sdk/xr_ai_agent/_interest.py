"""What an agent listens to: flags per participant, turned into topic subscriptions."""

from collections.abc import Callable

from xr_ai_agent import _topics as topics
from xr_ai_agent._messages import Subscribe


class Interest:
    """Keeps a SUB socket's topics in step with the wanted flags of each participant."""

    def __init__(self, subscribe: Callable[[bytes], None], unsubscribe: Callable[[bytes], None]) -> None:
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._flags: dict[str, Subscribe] = {}
        # A v0.1 hub broadcasts the pixels somebody asked for; ours sends them to the asker alone.
        self._broadcast_pixels = True

    @property
    def participants(self) -> frozenset[str]:
        """Whom the agent listens to."""
        return frozenset(self._flags)

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
        self._apply(before, self._topics(participant_id))

    def set_broadcast_pixels(self, wanted: bool) -> None:
        """Whether to listen to broadcast pixels too."""
        before = {pid: self._topics(pid) for pid in self._flags}
        self._broadcast_pixels = wanted
        for participant_id, old in before.items():
            self._apply(old, self._topics(participant_id))

    def _apply(self, before: set[bytes], after: set[bytes]) -> None:
        for topic in after - before:
            self._subscribe(topic)
        for topic in before - after:
            self._unsubscribe(topic)

    def _topics(self, participant_id: str) -> set[bytes]:
        flags = self.of(participant_id)
        wanted = set()
        if flags & Subscribe.DATA:
            wanted.add(topics.data(participant_id))
        if flags & Subscribe.AUDIO:
            wanted.add(topics.audio(participant_id))
        if flags & Subscribe.VIDEO:
            wanted.add(topics.video(participant_id))
            if self._broadcast_pixels:
                wanted.add(topics.video_data(participant_id))
        return wanted
