"""What to do about a request: carry it out, ask whether it was meant, ask which one, or talk."""

import re
from dataclasses import replace

from llm_server.embedded._arrange import arrange
from llm_server.embedded._camera import switch_camera
from llm_server.embedded._changes import bring_back, change_shape, recolor, resize, rotate, shade, undo
from llm_server.embedded._context import Context
from llm_server.embedded._edits import add, add_another, cannot_draw, delete, drawable_names, move
from llm_server.embedded._pairs import match_to, swap
from llm_server.embedded._queries import answer
from llm_server.embedded._references import WHICH, matching
from llm_server.embedded._steps import CannotDoError, Plan, RefusalError
from llm_server.embedded._talk import TRY, talk
from llm_server.embedded._turn import Turn
from llm_server.embedded._words import listed, sentence, to_you
from scene_language import (
    Guess,
    guard,
    guess,
    meaningless_place,
    parse,
    unknown_arrangement,
    unknown_change,
    unknown_place,
    unknown_thing,
    unknown_words,
    wanted_shape,
)
from scene_language.commands import (
    Add,
    AddAnother,
    Again,
    Arrange,
    BringBack,
    Camera,
    ChangeShape,
    Command,
    Delete,
    It,
    Match,
    Move,
    NewThing,
    Pick,
    Query,
    Recolor,
    Reference,
    Resize,
    Rotate,
    Shade,
    Swap,
    Talk,
    The,
    Undo,
    is_edit,
)
from scene_language.describe import describe, describe_all
from scene_language.lexicon import SIZES_M

__all__ = ("respond",)

_NOTHING_AGAIN = "There is nothing to do again; please say the whole request."
_DID_YOU_MEAN = "Did you mean: "
_DONE = re.compile(r"I (?!can|could|do not|am)")
_ASKED = re.compile(rf"{_DID_YOU_MEAN}(.+)\?\s*$")
_CHANGES = "I can move, resize, recolor, reshape, copy and delete things"
_PLACES = "I can put things around you, on the floor, or beside, on or between other things"
_NOTHING_NAMED = ("something", "anything", "stuff", "thing")
# Of a longer or stranger sentence it does not help to hear which words are unknown.
_MAX_WORDS_NAMED, _MAX_WORDS_ANSWERED = 2, 8
# Queries change nothing: a fair guess at one is answered without asking.
_ANSWER_GUESS_ABOVE = 0.45


def respond(context: Context) -> Plan[str]:
    """Carry a request out and return the reply to it."""
    turn = context.turn
    commands = parse(turn.request)
    asked = _asked(turn)
    match commands:
        case [Recolor(It(), color)] if turn.last_reply.startswith(WHICH) and len(turn.request.split()) == 1:
            return (yield from _picked(The(None, color), context))
        case [Again()]:
            return (yield from _again(context))
        case [Talk("yes")] if asked is not None:
            # "Yes" is the word that lets a guess change the scene: it must be heard well itself.
            return _ask(asked, context) if turn.hearing.is_doubtful else (yield from _carry_out(asked, context))
        case [Talk("no")] if asked is not None:
            return "All right, I do nothing; please say it in other words."
        case [Talk("no")] if _has_just_changed_something(turn):
            return 'All right. Say "undo" to take it back.'
        case [Talk("repeat")] if turn.last_reply:
            return 'I said: "' + turn.last_reply.replace('"', "'") + '"'
        case [Pick(target)]:
            return (yield from _picked(target, context))
        case None:
            return (yield from _unclear(context))
    if turn.hearing.is_doubtful and any(map(_must_be_meant, commands)):
        return _ask(commands, context)
    return (yield from _carry_out(commands, context))


def _has_just_changed_something(turn: Turn) -> bool:
    commands = parse(turn.last_request)
    return commands is not None and any(map(is_edit, commands)) and _DONE.match(turn.last_reply) is not None


def _must_be_meant(command: Command) -> bool:
    """Whether a mishearing would do harm: something changes, or somebody is looked at."""
    return is_edit(command) or command == Camera(on=True)


def _again(context: Context) -> Plan[str]:
    """The newest request that was not itself "again", if it changed something."""
    parsed = (parse(said.text) for said in reversed(context.turn.earlier) if said.is_user)
    last = next((commands for commands in parsed if commands != [Again()]), None)
    if not last or not any(is_edit(command) for command in last):
        return _NOTHING_AGAIN
    if context.turn.hearing.is_doubtful:
        return _ask(last, context)
    return (yield from _carry_out(last, context))


def _asked(turn: Turn) -> list[Command] | None:
    """Return the commands that the last reply asked about."""
    question = _ASKED.search(turn.last_reply)
    return parse(question[1]) if question else None


def _ask(commands: list[Command], context: Context) -> str:
    """Ask whether that was meant, or say at once that it cannot be."""
    doubt = "I am not sure that I heard you right. " if context.turn.hearing.is_doubtful else ""
    refusal = next(filter(None, (cannot_draw(command, context) for command in commands)), "")
    if refusal:
        return f"{doubt}{sentence(refusal)}"
    return f"{doubt}{_DID_YOU_MEAN}{describe_all(commands)}?"


def _unclear(context: Context) -> Plan[str]:
    """Something that is not of the language: a guess is asked about, never carried out."""
    turn = context.turn
    refusal = guard(turn.request)
    if refusal == "negated":
        return "All right, I leave everything as it is."
    if refusal == "statement":
        return f"That did not sound like a request, so I changed nothing. {TRY}"
    guessed = guess(turn.request)
    if guessed is not None and guessed.commands == [Talk("help")]:
        return talk("help")
    if guessed is not None and _may_answer(guessed, turn):
        return (yield from _carry_out(guessed.commands, context))
    if guessed is not None:
        return _ask(guessed.commands, context)
    other = next((commands for commands in map(parse, turn.hearing.alternatives) if commands is not None), None)
    if other is not None:
        return _ask(other, context)
    if not turn.request:
        return "I did not hear anything; please say it again."
    if turn.hearing.is_doubtful:
        return f'I am not sure that I heard you right: "{turn.request}". Please say it again.'
    return _beyond(turn.request, context) or f"Sorry, I do not {_what_is_not_clear(turn.request)}. {TRY}"


def _what_is_not_clear(request: str) -> str:
    """Name the words that are in the way; a sentence full of them is talk about something else."""
    words = unknown_words(request)
    if not 0 < len(words) <= _MAX_WORDS_NAMED or len(request.split()) > _MAX_WORDS_ANSWERED:
        return "understand that"
    quoted = [f'"{word}"' for word in words]
    return f"know the word{'s' if len(words) > 1 else ''} {listed(quoted)}"


def _beyond(request: str, context: Context) -> str:
    """Name what a request wants that is beyond the scene, and what can be had instead; empty when it names nothing."""
    arrangement = unknown_arrangement(request)
    if arrangement is not None:
        return f'I do not know how to put things "{arrangement}"; I can put them in a row or on top of each other.'
    shape = wanted_shape(request)
    refusal = cannot_draw(Add(NewThing(shape)), context) if shape else ""
    if refusal:
        return sentence(refusal)
    change = unknown_change(request)
    if change is not None:
        return f'I do not know how to make something "{change}"; {_CHANGES}.'
    place = unknown_place(request) or meaningless_place(request)
    if place is not None:
        return f'I do not know where "{place}" is; {_PLACES}.'
    thing = unknown_thing(request)
    if thing in _NOTHING_NAMED:
        return f"Please say what: I can draw {drawable_names(context)}, in any color and size."
    return "" if thing is None else f'I do not know how to draw "{thing}"; I can only draw {drawable_names(context)}.'


def _may_answer(guessed: Guess, turn: Turn) -> bool:
    if turn.hearing.is_doubtful or any(map(_must_be_meant, guessed.commands)):
        return False
    return guessed.score >= _ANSWER_GUESS_ABOVE


def _picked(target: The, context: Context) -> Plan[str]:
    """A bare "the red one": the answer to "which one do you mean?", put into the request that was unclear."""
    turn = context.turn
    # A question that begins the reply is about the first command: nothing has been done yet.
    unclear = parse(turn.last_request) if turn.last_reply.startswith(WHICH) else None
    clear = _made_clear(unclear, target) if unclear else None
    if clear is None:
        return (yield from _about_bare(target, context))
    if turn.hearing.is_doubtful and any(is_edit(command) for command in clear):
        return _ask(clear, context)
    return (yield from _carry_out(clear, context))


def _about_bare(target: The, context: Context) -> Plan[str]:
    """A thing and nothing else: a new one where there is none, or the last change once more, for this one."""
    if target.shape is not None and not matching(target, (yield from context.scene()).objects):
        size = SIZES_M[target.size] if target.size else None
        return _ask([Add(NewThing(target.shape, target.color, size))], context)
    last = parse(context.turn.last_request) if _has_just_changed_something(context.turn) else None
    same = _made_clear(last, target) if last else None
    if same is not None:
        return _ask(same, context)
    return f"What shall I do with {describe(Pick(target))}? Please say the whole request."


def _made_clear(commands: list[Command], target: The) -> list[Command] | None:
    """Put the picked object in the place of the first reference of one command; None when there is no such place."""
    match commands:
        case [
            Move() | Match() | Resize() | Recolor() | Shade() | ChangeShape() | Rotate() | Delete() as command,
            *rest,
        ]:
            return [replace(command, target=_narrowed(command.target, target)), *rest]
        case [Query(_, The() | It() as about) as query, *rest]:
            return [replace(query, about=_narrowed(about, target)), *rest]
        case _:
            return None


def _narrowed(unclear: Reference, picked: The) -> The:
    if picked.choice == "other":
        return picked
    shape = unclear.shape if isinstance(unclear, The) else None
    return replace(picked, shape=picked.shape or shape)


def _carry_out(commands: list[Command], context: Context) -> Plan[str]:
    """Carry commands out one after the other, up to the first that fails; say what was done and what was not."""
    done: list[str] = []
    for command in commands:
        try:
            done.append((yield from _one(command, context)))
        except CannotDoError as error:
            return _joined(done, _failure(command, error))
    return _joined(done)


def _joined(done: list[str], last: str = "") -> str:
    return " ".join(sentence(part) for part in [*done, last] if part)


def _failure(command: Command, error: CannotDoError) -> str:
    if isinstance(error, RefusalError):
        return str(error)
    if is_edit(command):
        return f"I could not {to_you(describe(command))}: {error}"
    return f"I cannot tell: {error}"


def _one(command: Command, context: Context) -> Plan[str]:
    match command:
        case Add():
            return (yield from add(command, context))
        case AddAnother():
            return (yield from add_another(command, context))
        case Move():
            return (yield from move(command, context))
        case Arrange():
            return (yield from arrange(command, context))
        case Swap():
            return (yield from swap(command, context))
        case Match():
            return (yield from match_to(command, context))
        case Resize():
            return (yield from resize(command, context))
        case Recolor():
            return (yield from recolor(command, context))
        case ChangeShape():
            return (yield from change_shape(command, context))
        case Rotate():
            return (yield from rotate(command, context))
        case Shade():
            return (yield from shade(command, context))
        case Delete():
            return (yield from delete(command, context))
        case Undo():
            return (yield from undo(command, context))
        case BringBack():
            return (yield from bring_back(command, context))
        case Query():
            return (yield from answer(command, context))
        case Camera():
            return (yield from switch_camera(command, context))
        case Talk(kind):
            return talk(kind)
        case Pick(target):
            return f"What shall I do with {describe(Pick(target))}?"
        case Again():
            return _NOTHING_AGAIN
