"""Did you mean …?"""

import difflib
from collections.abc import Iterable
from pathlib import Path

_CUTOFF = 0.6
_MAX_LISTED = 12


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return "did you mean `x`?" for the closest candidate, or ""."""
    by_folded = {candidate.replace("-", "_").lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.replace("-", "_").lower(), by_folded, n=1, cutoff=_CUTOFF)
    return f"did you mean `{by_folded[close[0]]}`?" if close else ""


def similar_file(path: Path) -> str:
    """Return "did you mean …?" for a missing file, or that its folder is missing too."""
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    # Endings alike would make any two names of the same kind look alike.
    by_stem = {entry.stem: entry.name for entry in folder.iterdir() if entry.suffix == path.suffix}
    close = difflib.get_close_matches(path.stem, by_stem, n=1, cutoff=_CUTOFF)
    return f"did you mean `{by_stem[close[0]]}`?" if close else ""


def one_of(candidates: Iterable[str]) -> str:
    """Return "a, b or c" for a short list of candidates, in their order."""
    names = list(candidates)
    if len(names) > _MAX_LISTED:
        return ", ".join(names[:_MAX_LISTED]) + ", …"
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
