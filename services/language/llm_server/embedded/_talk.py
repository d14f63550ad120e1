"""Conversation: who this is, what it can do, and short answers to short words."""

from scene_language.commands import TalkKind

__all__ = ("BACKEND_NAME", "TRY", "talk")

BACKEND_NAME = "embedded-semantic-grammar"

TRY = 'Say for example "put a red cube in front of me", or "help".'
"""Short, because it is spoken after every sentence that is none of the language."""

# Said as an ability: "I put …" would be a claim of something done.
_CAN_DO = (
    "I can put cubes and spheres into the scene, move, resize, recolor and delete them, undo that, and tell what is "
    'there. Say for example "put a red cube two meters in front of me".'
)

_REPLIES: dict[TalkKind, str] = {
    "hello": 'Hello! Say for example "put a red cube two meters in front of me".',
    "goodbye": "Goodbye!",
    "thanks": "You are welcome.",
    "how_are_you": "I am running fine; what shall I do in the scene?",
    "help": _CAN_DO,
    "identity": (
        f"I am this demo's embedded agent ({BACKEND_NAME}): a small grammar of commands, not a large language model. "
        'Say "help", and I tell what I can do.'
    ),
    "yes": "There is nothing to confirm; what shall I do?",
    "no": "All right, I do nothing.",
    "stop": "All right.",
    "here_at_all": "Yes, I am here; what shall I do in the scene?",
    "repeat": "I have said nothing yet.",
    "walk": (
        "I cannot zoom or move you: walk with W, A, S and D, or on your own feet. "
        'To move a thing, say "bring it closer" or "move it back".'
    ),
    "clock": f"I have no clock; all I know is this scene. {TRY}",
    "joke": f"I know no jokes and no songs; I only build this scene with you. {TRY}",
    "colors": 'Any color: say for example "make it green", or "light blue", "orange", "white".',
}


def talk(kind: TalkKind) -> str:
    """Return the answer to a greeting, thanks, a call for help and the like."""
    return _REPLIES[kind]
