"""What is measured, beside what it is compared with, and whether that is good enough."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ("Figure", "Must", "Verdict", "as_table", "least", "most")

_SLICES_WITH_QUARTERS = 8
Verdict = Literal["", "pass", "MISS", "not measured"]


@dataclass(frozen=True)
class Must:
    """A bound: of our own value, of its ratio to the base, or of what it adds to the base.

    Ratios and differences are formed slice by slice, between neighbours in time, and their median counts. An own value
    cannot be told from what else runs on the machine, so its best quarter counts (`Figure.quiet`). A slice in which
    nothing came at all (an infinite value) is no noise: no figure with one keeps its bound.
    """

    of: Literal["ours", "ratio", "added"]
    bound: float
    is_upper: bool = True
    or_ratio: float | None = None
    """Good enough as well: where the machine is so busy that the base itself is far from what it can be."""

    def is_met(self, figure: Figure) -> bool | None:
        """Return whether a figure keeps the bound; None if nothing was measured."""
        value = {"ours": figure.quiet, "ratio": figure.ratio, "added": figure.added}[self.of]
        if value is None:
            return None
        if not all(map(math.isfinite, figure.ours)):
            return False
        if self.or_ratio is not None and figure.ratio is not None and figure.ratio <= self.or_ratio:
            return True
        return value <= self.bound if self.is_upper else value >= self.bound

    def words(self, unit: str) -> str:
        """Return the bound as the table shows it."""
        sign = "≤" if self.is_upper else "≥"
        instead = f" or {short(self.or_ratio)} ×" if self.or_ratio is not None else ""
        return {
            "ours": f"{sign} {short(self.bound)} {unit}".rstrip() + instead,
            "ratio": f"{sign} {short(self.bound)} ×",
            "added": f"{sign} base + {short(self.bound)} {unit}{instead}",
        }[self.of]


def most(bound: float, of: Literal["ours", "ratio", "added"] = "ours", or_ratio: float | None = None) -> Must:
    """Return an upper bound."""
    return Must(of, bound, or_ratio=or_ratio)


def least(bound: float, of: Literal["ours", "ratio", "added"] = "ours") -> Must:
    """Return a lower bound."""
    return Must(of, bound, is_upper=False)


@dataclass(frozen=True)
class Figure:
    """One row: ``ours[i]`` and ``base[i]`` were measured one after the other (or side by side) in slice ``i``."""

    part: str
    name: str
    unit: str
    ours: Sequence[float]
    base: Sequence[float] = ()
    base_name: str = ""
    must: Must | None = None
    peer: Sequence[float] = field(default=())
    """Another hub in the same slices (``--peer``)."""

    @property
    def ratio(self) -> float | None:
        """Median of ours ÷ base."""
        return _median(self.ratios)

    @property
    def added(self) -> float | None:
        """Median of ours − base."""
        return _median([ours - base for ours, base in self._pairs])

    @property
    def ratios(self) -> list[float]:
        """Ours ÷ base of each slice."""
        return [ours / base for ours, base in self._pairs if base]

    @property
    def quiet(self) -> float | None:
        """Ours in the best quarter of the slices: what the machine allows when it is least disturbed.

        Of few slices that would be the single best one, so there the median counts.
        """
        if len(self.ours) < _SLICES_WITH_QUARTERS:
            return _median(self.ours)
        ordered = sorted(self.ours, reverse=self.must is not None and not self.must.is_upper)
        return ordered[(len(ordered) - 1) // 4]

    @property
    def verdict(self) -> Verdict:
        """Return whether the bound is kept; nothing where there is none."""
        if self.must is None:
            return ""
        met = self.must.is_met(self)
        return "not measured" if met is None else "pass" if met else "MISS"

    @property
    def _pairs(self) -> list[tuple[float, float]]:
        return [pair for pair in zip(self.ours, self.base, strict=False) if math.isfinite(pair[1])]

    def as_json(self) -> dict[str, object]:
        """Return everything for a program to read."""
        return {
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "ours": list(map(_or_none, self.ours)),
            "base": list(map(_or_none, self.base)),
            "base_name": self.base_name,
            "peer": list(map(_or_none, self.peer)),
            "ratio": _or_none(self.ratio),
            "must": self.must.words(self.unit) if self.must else "",
            "verdict": self.verdict,
        }


def as_table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table that is also readable as it is."""
    rows = [("figure", "ours", "base", "ours ÷ base", "must", "")]
    figures = list(figures)
    with_peer = any(figure.peer for figure in figures)
    rows = [(*rows[0][:3], *(("peer",) if with_peer else ()), *rows[0][3:])]
    for figure in figures:
        peer = (_middle(figure.peer, figure.unit),) if with_peer else ()
        rows.append(
            (
                figure.name,
                _middle(figure.ours, figure.unit) + _quiet_note(figure),
                _middle(figure.base, figure.unit) + (f" {figure.base_name}" if figure.base else ""),
                *peer,
                _ratio_words(figure),
                figure.must.words(figure.unit) if figure.must else "",
                figure.verdict,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def short(value: float) -> str:
    """Return three digits of a number."""
    if math.isinf(value):
        return "∞"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio_words(figure: Figure) -> str:
    ratios = figure.ratios
    if len(ratios) < 3:
        return f"{statistics.median(ratios):.2f}" if ratios else ""
    if not all(map(math.isfinite, ratios)):
        return "∞ among them"
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def _quiet_note(figure: Figure) -> str:
    if (
        figure.must is None
        or figure.must.of != "ours"
        or figure.quiet is None
        or len(figure.ours) < _SLICES_WITH_QUARTERS
    ):
        return ""
    return f" (best quarter {short(figure.quiet)})"


def _middle(values: Sequence[float], unit: str) -> str:
    middle = _median(values)
    return "" if middle is None else f"{short(middle)} {unit}".rstrip()


def _or_none(value: float | None) -> float | None:
    """Return what JSON has a word for."""
    return value if value is not None and math.isfinite(value) else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
