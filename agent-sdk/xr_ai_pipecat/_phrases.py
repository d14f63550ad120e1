"""Utterances that mean something by themselves: sounds that are no request, and the wish for silence."""

import re

_WORDS = re.compile(r"[a-z']+")
_SOUNDS = frozenset({"um", "umm", "uh", "uhh", "uhm", "erm", "er", "ah", "ahh", "oh", "hm", "hmm", "mm", "mmm", "huh"})
_ASSENTS = frozenset(["yeah", "yep", "yes", "yup", "okay", "ok", "right", "mhm", "mmhm", "sure"])
_LEAD_INS = frozenset({"well", "so", "like"})
_MURMURED_YES = frozenset({"mm hmm", "uh huh", "mm hm"})
# Said together they are still no request: "yeah okay", "uh huh", "mm hmm".
_MAX_FILLER_WORDS = 4
_POLITE = r"(?:please |now |okay |ok |hey |oh |just )*"
_STOP = re.compile(
    rf"^{_POLITE}(?:stop(?: it| that| talking| speaking| now)?|be quiet|quiet|silence|shut up|hush|wait|hold on"
    r"|cancel(?: it| that)?|never ?mind|forget (?:it|that))(?: please| now)*$"
)


def is_filler(text: str, *, answers_question: bool = False) -> bool:
    """Whether an utterance is only a sound or a murmur of agreement (which is an answer if something was asked)."""
    words = _normalised(text).split()
    if not 0 < len(words) <= _MAX_FILLER_WORDS or not all(word in _SOUNDS | _ASSENTS | _LEAD_INS for word in words):
        return False
    return not (answers_question and (set(words) & _ASSENTS or " ".join(words) in _MURMURED_YES))


def is_stop(text: str) -> bool:
    """Whether an utterance as a whole asks for silence ("make a stop sign", "don't stop" and "is it quiet?" do not)."""
    return not text.rstrip().endswith("?") and bool(_STOP.match(_normalised(text)))


def _normalised(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower().replace("-", " ").replace("\u2019", "'")))
