"""What a plan works with: the tools on offer, the scene and the head (fetched if need be), the talk's focus."""

import re
from collections.abc import Sequence
from itertools import chain

from llm_server.embedded._references import mentioned, resolve
from llm_server.embedded._steps import CannotDoError, Plan, RefusalError, ToolBox
from llm_server.embedded._turn import Turn, Unavailable
from llm_server.embedded._world import Head, Scene, SceneObject
from scene_language import parse
from scene_language.commands import All, It, Query, Reference, The

__all__ = ("Context",)

_GONE = ("I deleted", "I took")
# What may come before a listing is about the camera.
_LISTINGS = ("In the scene there", "I only see the scene")
_COUNT = re.compile(r"\b(\d+) [a-z]")
_NO_HEAD = "I do not know where your head is"
_NO_SCENE = "I cannot see the scene"


class Context:
    """One request's world. Plans change its scene as they learn what the tools did."""

    def __init__(self, turn: Turn, tools: ToolBox) -> None:
        self.turn = turn
        self.tools = tools
        self.focus: list[str] | None = None
        """Ids of what this turn has touched last; None as long as it has touched nothing."""
        self._scene = Scene.of(turn.scene)
        self._head = Head.of(turn.head_pose)

    def scene(self) -> Plan[Scene]:
        """Return the scene, from the request or else from the tool.

        Raises:
            CannotDoError: it is not known; that is never the same as an empty scene.
        """
        if self._scene is None:
            self._scene = Scene.of((yield from self._fetch("get_scene_state", self.turn.scene, _NO_SCENE)))
        if self._scene is None:
            raise RefusalError(f"{_NO_SCENE}: its state makes no sense to me")
        return self._scene

    def head(self) -> Plan[Head]:
        """Return the user's head, from the request or else from the tool.

        Raises:
            CannotDoError: it is not known.
        """
        if self._head is None:
            self._head = Head.of((yield from self._fetch("get_head_pose", self.turn.head_pose, _NO_HEAD)))
        if self._head is None:
            raise RefusalError(_NO_HEAD)
        return self._head

    def head_if_known(self) -> Plan[Head | None]:
        """Return the user's head, or None when nobody knows it."""
        try:
            return (yield from self.head())
        except CannotDoError:
            return None

    def objects(self, reference: Reference) -> Plan[list[SceneObject]]:
        """Return the objects that a reference means; see `resolve` for its errors."""
        scene = yield from self.scene()
        needs_head = isinstance(reference, The | All) and len(scene.objects) > 1
        head = (yield from self.head_if_known()) if needs_head else None
        return resolve(reference, scene, head, self._focus_in(scene))

    def objects_or_all(self, reference: Reference) -> Plan[list[SceneObject]]:
        """As `objects`; a pronoun that cannot be told stands for all there are."""
        try:
            return (yield from self.objects(reference))
        except RefusalError:
            if not isinstance(reference, It):
                raise
            return (yield from self.scene()).objects

    def one(self, reference: Reference) -> Plan[SceneObject]:
        """Return the single object that a reference means.

        Raises:
            CannotDoError: it means several.
        """
        found = yield from self.objects(reference)
        if len(found) > 1:
            raise CannotDoError("I need one object for that, not several")
        return found[0]

    def _fetch(self, tool: str, known: object, what: str) -> Plan[object]:
        if not self.tools.has(tool):
            reason = known.reason if isinstance(known, Unavailable) else "it was not given"
            raise RefusalError(f"{what}: {reason}")
        outcome = yield from self.tools.call(tool)
        if outcome.problem:
            raise RefusalError(f"{what}: {outcome.problem}")
        return outcome.value

    def _asked_about(self, scene: Scene) -> list[str]:
        """What the last question was about: its answer may name one of several that share a name."""
        match parse(self.turn.last_request):
            case [Query(_, The() as about)]:
                try:
                    return [item.id for item in resolve(about, scene, self._head, [])]
                except CannotDoError:
                    return []
        return []

    def _focus_in(self, scene: Scene) -> Sequence[str]:
        """What a pronoun stands for: what this turn touched, a reply spoke of last, was changed last, or is newest."""
        if self.focus is not None:
            return self.focus
        asked = self._asked_about(scene)
        if asked:
            return asked
        changed = [item for item in map(scene.get, self.turn.last_changed) if item is not None]
        for reply in self.turn.replies:
            if reply.startswith(_GONE):
                return []
            groups = mentioned(reply, scene.objects) if not _is_about_the_talk(reply) else []
            if groups:
                return (
                    list(chain.from_iterable(groups))
                    if _is_list(reply)
                    else _of_that_name(
                        [item for item in map(scene.get, groups[0]) if item is not None], changed, _count_in(reply)
                    )
                )
        moved = [str(move.get("id")) for move in self.turn.recent_moves]
        still_there = [object_id for object_id in reversed(moved) if scene.get(object_id)]
        return [item.id for item in changed] or still_there[:1] or [item.id for item in scene.objects[-1:]]


def _of_that_name(said: list[SceneObject], changed: list[SceneObject], count: int) -> list[str]:
    """The newest object of a name, unless another one of that name is what was changed last.

    Of several that a reply names together some may have been so already: then they are all meant.
    """
    names = {item.name for item in said}
    same = [each for each in changed if each.name in names]
    return [item.id for item in (said if len(said) == count else same or said)]


def _count_in(reply: str) -> int:
    """The number in "I moved 3 red cubes"; 0 where it names none."""
    number = _COUNT.search(reply)
    return int(number[1]) if number else 0


def _is_about_the_talk(reply: str) -> bool:
    """Not about the scene: what is quoted is an example or a mishearing, and what can be drawn need not be there."""
    return '"' in reply or reply.startswith("I can only draw")


def _is_list(reply: str) -> bool:
    """Whether a reply puts things side by side, none of them its subject: "There is a red cube and a blue sphere"."""
    return reply.startswith(("There ", "I see", "Yes, there")) or any(part in reply for part in _LISTINGS)
