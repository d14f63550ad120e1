"""Who looks at a run from within its supervisor: the live table, and the server of metrics."""

from __future__ import annotations

import os

from xr_ai_launcher._dataclasses import dataclass

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from xr_ai_launcher._run.loop import Loop
    from xr_ai_launcher._run.news import News
    from xr_ai_launcher._run.report import Report
    from xr_ai_launcher._run.screen import Screen
    from xr_ai_launcher._run.steering import Steering

    class View(Protocol):
        """Something that shows the run until it is closed."""

        def resized(self) -> None:
            """The terminal has another size."""

        def hold(self) -> None:
            """Leave the terminal to others until `resume`."""

        def resume(self) -> None:
            """Go on as before `hold`."""

        def close(self) -> None:
            """Leave everything as if there had never been a view."""


__all__ = ("Wishes", "open_views", "wants_table")


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a run is to be shown."""

    is_plain: bool = False
    """Lines only, also on a terminal."""
    metrics_port: int | None = None
    """Where to serve figures for Prometheus; 0 takes a free port, None serves none."""


def wants_table(wishes: Wishes, stderr: int, environment: Mapping[str, str]) -> bool:
    """Whether a live table is wanted, and there is a terminal to show it."""
    if wishes.is_plain or not os.isatty(stderr):
        return False
    from xr_ai_launcher._view.terminal import can_draw

    return can_draw(stderr, environment)


def open_views(
    wishes: Wishes, loop: Loop, news: News, steering: Steering, screen: Screen, report: Report, *, has_table: bool
) -> list[View]:
    """Begin to show a run whose roles are on their way; loads only what is wanted."""
    views: list[View] = []
    if has_table:
        from xr_ai_launcher._view.live import LiveTable

        table = LiveTable(loop, screen, screen.stderr, steering.status, colored=report.is_colored)
        news.listen(table.take)
        views.append(table)
    if wishes.metrics_port is not None:
        from xr_ai_launcher._view.metrics import serve_metrics

        server = serve_metrics(wishes.metrics_port, loop, steering.status, report)
        views += [server] if server is not None else []
    return views
