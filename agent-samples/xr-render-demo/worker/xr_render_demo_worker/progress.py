"""What the page shows while a tool runs."""

import json

__all__ = ("progress_text",)

_TEXTS = {
    "add_primitive": "Adding a {prim_type}",
    "update_primitive": "Changing the {kind}",
    "remove_primitive": "Removing the {kind}",
    "get_scene_state": "Looking at the scene",
    "get_head_pose": "Checking where you are looking",
    "position_ahead": "Finding the spot ahead of you",
    "position_relative": "Finding the right spot",
    "place_user_relative": "Finding the spot near you",
    "place_object_relative": "Finding the spot beside it",
    "place_inside_by_id": "Finding the middle of it",
    "displace_object": "Working out the new position",
    "displace_objects": "Working out the new positions",
    "between_anchors": "Finding the middle",
    "world_offset": "Working out the new position",
    "along_direction": "Working out the way there",
    "scale_value": "Working out the new size",
    "undo": "Taking that back",
    "redo": "Doing it again",
    "bring_back": "Bringing back what is gone",
    "look_at_current_frame": "Looking through your camera",
    "turn_camera": "Switching your camera",
    "ask_image": "Looking at the picture",
}


def progress_text(tool: str, arguments: str) -> str:
    """Return a short line for a call as the model wrote it."""
    template = _TEXTS.get(tool)
    if template is None:
        return f"Using {tool.replace('_', ' ')}"
    try:
        given = json.loads(arguments or "{}")
        # An id such as "box-0" is not for people: its kind is said instead.
        return template.format_map({**given, "kind": str(given.get("obj_id", "object")).rpartition("-")[0] or "object"})
    except (ValueError, LookupError, TypeError, AttributeError):
        return template.replace("a {prim_type}", "an object").replace("{kind}", "object")
