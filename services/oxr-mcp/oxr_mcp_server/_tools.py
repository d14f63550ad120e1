"""The nine tools of the contract: the pose itself, and every placement of the spatial library bound to it."""

import inspect
import time
from collections.abc import Callable
from typing import Any

from oxr_mcp_server._poses import NoPoseError, PoseSource
from xr_ai_program.mcp import Context, Participants
from xr_ai_spatial import POSE_TOOLS, HeadPose, invalid_pose

_MS_PER_S = 1000


def head_tools(source: PoseSource, participants: Participants) -> list[Callable[..., Any]]:
    """Return the contract's tools; each goes by the head of the participant that the call means."""

    def pose_meant_by(ctx: Context) -> HeadPose | None:
        try:
            return source.pose_of(participants.meant_by(ctx)).pose
        except NoPoseError:
            return None

    def get_head_pose(ctx: Context) -> dict[str, Any]:
        """Return the user's head: position, forward/right/up directions, yaw_deg (right is positive), pitch_deg.

        is_valid is false, with an error, while no pose is known. ts: when the pose was heard, in Unix milliseconds.
        """
        try:
            known = source.pose_of(participants.meant_by(ctx))
        except NoPoseError as error:
            return {**invalid_pose(_not_ready(error)), "ts": int(time.time() * _MS_PER_S)}
        return {**known.pose.as_dict(), "ts": known.heard_ms, "age_ms": known.age_ms}

    def get_health(ctx: Context) -> dict[str, Any]:
        """Say whether a pose is known; for programs."""
        participant_id = participants.meant_by(ctx)
        facts: dict[str, Any] = {"source": source.name, "participant_id": participant_id}
        try:
            known = source.pose_of(participant_id)
        except NoPoseError as error:
            state = {"session_open": False, "open_attempts": 1, "last_open_error": _not_ready(error)}
            return {"status": "ok", **state, "pose_age_ms": None, **facts}
        state = {"session_open": True, "open_attempts": 1, "last_open_error": None}
        return {"status": "ok", **state, "pose_age_ms": known.age_ms, **facts}

    return [get_head_pose, *(_bound(tool, pose_meant_by) for tool in POSE_TOOLS), get_health]


def _bound(tool: Callable[..., Any], pose_meant_by: Callable[[Context], HeadPose | None]) -> Callable[..., Any]:
    """Return ``tool`` with its first parameter, the pose, taken from the call instead of from the caller."""

    def bound(ctx: Context, **arguments: Any) -> Any:
        return tool(pose_meant_by(ctx), **arguments)

    signature = inspect.signature(tool)
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Context)
    parameters = [context, *list(signature.parameters.values())[1:]]
    bound.__name__, bound.__doc__ = tool.__name__, tool.__doc__
    # What the MCP library reads: the signature for the schema, the annotations to find the context.
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {part.name: part.annotation for part in parameters}
    return bound


def _not_ready(error: NoPoseError) -> str:
    return f"session_not_ready: {type(error).__name__}: {error}"
