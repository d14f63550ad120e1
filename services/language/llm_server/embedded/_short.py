"""Short words while the work goes on: the acknowledgement of a request, and "still working"."""

import re

from scene_language import guess, parse
from scene_language.commands import (
    Add,
    AddAnother,
    Again,
    Arrange,
    Between,
    BringBack,
    Camera,
    ChangeShape,
    Command,
    Delete,
    Match,
    Me,
    Move,
    NewThing,
    Query,
    Recolor,
    RelativeTo,
    Resize,
    Rotate,
    Shade,
    Swap,
    Talk,
    Undo,
)
from scene_language.describe import say_reference, say_thing

__all__ = ("acknowledge", "request_in", "still_working")

_MAX_ACK_WORDS = 6
_REQUEST_LINE = re.compile(r"^\s*request:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_STEP_LINE = re.compile(r"^\s*current step:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_SAID_LINE = re.compile(r"^\s*already said:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_QUERY_ACKS = {"see": "Let me look around", "near": "Let me look there"}


def request_in(text: str) -> str:
    """Return the request that a prompt quotes in a ``Request:`` line, or the whole text."""
    line = _REQUEST_LINE.search(text)
    return line[1].strip() if line else text.strip()


def acknowledge(request: str) -> tuple[str, bool]:
    """Return three to six words that claim nothing as done, and whether the request needs thought.

    Small talk gets no words: the reply to it comes at once, and an acknowledged "thank you" is a parody of manners.

    Thought is needed for what refers to existing objects, the real world or a correction.
    """
    commands = parse(request)
    if commands is None:
        likely = guess(request)
        return ("Let me think about that", likely is not None)
    if isinstance(commands[0], Talk):
        return "", False
    ack = _doing(commands[0])
    words = len(ack.split())
    return (ack if 3 <= words <= _MAX_ACK_WORDS else _shorter(commands[0])), any(map(_needs_thought, commands))


def _doing(command: Command) -> str:
    match command:
        case Add(thing):
            return f"Placing {say_thing(NewThing(thing.shape, thing.color, None, None, thing.count))}"
        case AddAnother():
            return "Placing another one"
        case Move(target, tuple()):
            return f"Moving {say_reference(target)}"
        case Move(target):
            # True also when there is no such thing yet and it is made: "put the red cube in front of me".
            return f"Placing {say_reference(target)}"
        case Resize(target) | Rotate(target) | ChangeShape(target) | Shade(target) | Match(target):
            return f"Changing {say_reference(target)}"
        case Recolor(target, color):
            return f"Making {say_reference(target)} {color}"
        case Delete(target):
            return f"Deleting {say_reference(target)}"
        case Query(kind):
            return _QUERY_ACKS.get(kind, "Let me check that")
        case Camera():
            return "Seeing to your camera"
        case _:
            return _shorter(command)


def _shorter(command: Command) -> str:
    """Words for commands whose own would be too few or too many."""
    match command:
        case Move(_, tuple()) | Swap() | Arrange():
            return "Moving that for you"
        case Add() | AddAnother() | Move():
            return "Placing that for you"
        case Delete():
            return "Deleting that for you"
        case BringBack():
            return "Bringing that back"
        case Undo(again):
            return "Doing that again" if again else "Taking that back"
        case Again():
            return "Doing that again"
        case _:
            return "Changing that for you"


def _needs_thought(command: Command) -> bool:
    match command:
        case Add(_, RelativeTo(_, Me()) | None) | Talk():
            return False
        case Add(_, RelativeTo() | Between()):
            return True
        case Add():
            return False
        case _:
            return True


def still_working(text: str) -> str:
    """Return four to eight words on what is going on, other than those already said."""
    said = (_SAID_LINE.search(text) or [None, ""])[1] or ""
    commands = parse(request_in(text))
    step = _STEP_LINE.search(text)
    doing = _doing(commands[0]) if commands and not isinstance(commands[0], Query | Talk) else "Working on your request"
    phrases = [
        f"Still at it: {doing[0].lower()}{doing[1:]}",
        f"Still busy: {step[1].strip().lower()}" if step else "Still busy with your request",
        "This takes a little longer",
        "Still working on your request",
    ]
    return next((phrase for phrase in phrases if phrase not in said), phrases[-1])
