"""Verdicts follow from slices as the table says, and a figure that was not measured is never a pass."""

import json
import math

import pytest
from figures import Figure, as_table, least, most


def test_the_ratio_is_that_of_neighbours_in_time() -> None:
    # The machine was three times slower in the second half, for both.
    figure = Figure("p", "latency", "µs", ours=[120, 130, 360, 390], base=[100, 100, 300, 300], must=most(1.5, "ratio"))
    assert figure.ratio == pytest.approx(1.25)
    assert figure.verdict == "pass"


def test_what_is_added_is_compared_slice_by_slice() -> None:
    figure = Figure("p", "proxy", "µs", ours=[40, 90, 140], base=[10, 50, 80], must=most(50, "added"))
    assert figure.added == 40
    assert figure.verdict == "pass"
    assert Figure("p", "proxy", "µs", ours=[71], base=[10], must=most(50, "added")).verdict == "MISS"


def test_an_own_value_counts_by_its_best_quarter() -> None:
    assert Figure("p", "fetch", "µs", ours=[290, 500, 700, 900, 280] * 2, must=most(300)).verdict == "pass"
    assert Figure("p", "fetch", "µs", ours=[290, 500, 700, 900, 310, 400, 800, 600], must=most(300)).verdict == "MISS"
    assert Figure("p", "rate", "/s", ours=[31_000, 5_000, 32_000, 6_000] * 2, must=least(30_000)).verdict == "pass"
    assert Figure("p", "rate", "/s", ours=[29_000, 5_000], must=least(30_000)).verdict == "MISS"


@pytest.mark.parametrize("count", range(1, 8))
def test_of_few_slices_the_best_one_is_not_enough(count: int) -> None:
    lucky = [280.0, *[500.0] * (count - 1)]
    figure = Figure("p", "fetch", "µs", ours=lucky, must=most(300))
    assert figure.verdict == ("pass" if count == 1 else "MISS")
    assert "best quarter" not in as_table([figure])


def test_a_slice_in_which_nothing_came_is_a_miss_and_shown() -> None:
    figure = Figure("p", "signal", "µs", ours=[100, math.inf, 100], base=[100, 100, 100], must=most(1.5, "ratio"))
    assert figure.verdict == "MISS"
    assert "∞" in as_table([figure])
    assert "Infinity" not in json.dumps(figure.as_json())


def test_a_base_of_which_nothing_came_is_compared_with_nothing() -> None:
    figure = Figure("p", "signal", "µs", ours=[200, 100], base=[math.inf, 100], must=most(1.5, "ratio"))
    assert figure.ratios == [1.0]


def test_every_way_to_keep_a_bound_is_shown() -> None:
    assert most(300, or_ratio=1.8).words("µs") == "≤ 300 µs or 1.8 ×"
    assert most(50, "added", or_ratio=3).words("µs") == "≤ base + 50 µs or 3 ×"


def test_a_ratio_may_stand_in_for_an_own_value_on_a_busy_machine() -> None:
    must = most(300, or_ratio=1.8)
    assert Figure("p", "fetch", "µs", ours=[500, 520], base=[300, 300], must=must).verdict == "pass"
    assert Figure("p", "fetch", "µs", ours=[600, 620], base=[300, 300], must=must).verdict == "MISS"


@pytest.mark.parametrize("must", [most(1), most(1, "ratio"), most(1, "added"), least(1), most(1, or_ratio=2)])
def test_what_was_not_measured_does_not_pass(must: object) -> None:
    assert Figure("p", "nothing", "µs", ours=[], must=must).verdict == "not measured"  # type: ignore[arg-type]


def test_zero_is_a_measurement() -> None:
    assert Figure("p", "lost", "", ours=[0], must=most(0)).verdict == "pass"
    assert Figure("p", "lost", "", ours=[1], must=most(0)).verdict == "MISS"


def test_the_table_has_a_row_per_figure_and_a_column_for_a_peer_only_if_there_is_one() -> None:
    plain = Figure("p", "latency", "µs", ours=[120], base=[100], base_name="floor", must=most(1.5, "ratio"))
    beside_a_peer = Figure("p", "latency", "µs", ours=[120], base=[100], peer=[400])
    lines = as_table([plain]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "latency",
        "120 µs",
        "100 µs floor",
        "1.20",
        "≤ 1.5 ×",
        "pass",
    ]
    assert len(lines) == 3
    assert "400 µs" in as_table([beside_a_peer])
    assert as_table([beside_a_peer]).splitlines()[0].count("|") == lines[0].count("|") + 1
