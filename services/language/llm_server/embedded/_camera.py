"""The camera, switched because the person asked for it; they have the last word on their page."""

from llm_server.embedded._context import Context
from llm_server.embedded._steps import Plan, RefusalError
from scene_language.commands import Camera

__all__ = ("switch_camera",)

_TOOL = "turn_camera"
_PROBLEMS = {
    "camera_off": "Press Allow on the page, and I can see",
    "held_by_person": "You turned your camera on yourself: its button on the page turns it off",
}


def switch_camera(command: Camera, context: Context) -> Plan[str]:
    """Ask for the camera, or let it go.

    Raises:
        CannotDoError: there is none, or the person decides otherwise.
    """
    if not context.tools.has(_TOOL):
        raise RefusalError("I have no camera to look through")
    outcome = yield from context.tools.call(_TOOL, on=command.on)
    if outcome.problem:
        known = _PROBLEMS.get(str(outcome.fields.get("reason")))
        raise RefusalError(known or f"Your camera stays as it is: {outcome.problem}")
    already = "" if outcome.fields.get("changed") else " already"
    return f"Your camera is on{already}: ask me what I see" if command.on else f"Your camera is off{already}"
