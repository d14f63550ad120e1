"""What a run ends with: a bound that is missed, and a part that could not be measured, are not the same."""

import pytest
from figures import Figure, most
from run import exit_code

KEPT = Figure("p", "kept", "", ours=[1], must=most(2))
MISSED = Figure("p", "missed", "", ours=[3], must=most(2))
NOT_MEASURED = Figure("p", "nothing", "", ours=[], must=most(2))
WITHOUT_BOUND = Figure("p", "as it is", "", ours=[3])


@pytest.mark.parametrize(
    ("figures", "failures", "code"),
    [
        ([KEPT, WITHOUT_BOUND], [], 0),
        ([KEPT, MISSED], [], 1),
        ([KEPT, MISSED, NOT_MEASURED], ["camera: not measured"], 1),
        ([KEPT, NOT_MEASURED], [], 4),
        ([KEPT], ["camera: not measured"], 4),
    ],
)
def test_the_exit_code_tells_a_miss_from_what_was_not_measured(
    figures: list[Figure], failures: list[str], code: int
) -> None:
    assert exit_code(figures, failures) == code
