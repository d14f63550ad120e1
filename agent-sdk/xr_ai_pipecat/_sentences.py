"""Text that arrives in pieces, cut into sentences that can be spoken."""

import re

# A terminator, perhaps followed by closing quotes or brackets, and then white space or the end of what is there.
_END = re.compile(r"[.!?…]+[\"'\u201d\u2019)\]]*(?=\s|$)")
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "vs", "approx", "e.g", "i.e", "cf"})
_LAST_WORD = re.compile(r"([\w.]+)$")
# Longer pieces would keep the listener waiting for the first sound.
_MAX_CHARS = 240
_BREAK = re.compile(r"[,;:]\s+|\s+")


class SentenceBuffer:
    """Collects text and gives back whole sentences."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[str]:
        """Add a piece and return the sentences that are complete now."""
        self._text += text
        sentences = []
        while (cut := _sentence_end(self._text) or _forced_break(self._text)) is not None:
            sentences.append(self._text[:cut].strip())
            self._text = self._text[cut:].lstrip()
        return [sentence for sentence in sentences if sentence]

    def flush(self) -> list[str]:
        """Return what is left, finished or not."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def clear(self) -> None:
        """Forget everything."""
        self._text = ""


def _sentence_end(text: str) -> int | None:
    for match in _END.finditer(text):
        at_end = match.end() == len(text)
        if match.group().startswith(".") and _continues(text[: match.start()], at_end):
            continue
        return match.end()
    return None


def _continues(before: str, at_end: bool) -> bool:
    """Whether a full stop after ``before`` is not the end: an abbreviation, or perhaps a decimal point yet to go on."""
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    if word.group().lower() in _ABBREVIATIONS:
        return True
    return at_end and word.group()[-1].isdigit()


def _forced_break(text: str) -> int | None:
    if len(text) <= _MAX_CHARS:
        return None
    breaks = [match.end() for match in _BREAK.finditer(text, 0, _MAX_CHARS)]
    return breaks[-1] if breaks else _MAX_CHARS
