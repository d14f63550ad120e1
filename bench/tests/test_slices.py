"""Hubs are measured in turns, and only slices that all of them have are compared."""

from hub_slices import Slices, in_turns, values


def test_the_order_turns_around_each_time() -> None:
    order: list[str] = []

    def measure(subject: str) -> dict[str, int]:
        order.append(subject)
        return {"p50": len(order)}

    found = in_turns({"floor": "A", "ours": "B"}, measure, 3, "letters")
    assert "".join(order) == "ABBAAB"
    assert values(found, "floor", "p50") == [1, 4, 5]
    assert values(found, "ours", "p50") == [2, 3, 6]


def test_a_slice_that_one_of_them_lacks_is_left_out_of_both() -> None:
    found: Slices = {"floor": [{"ms": 1.0}, {"ms": None}, {"ms": 3.0}], "ours": [{"ms": 2.0}, {"ms": 2.0}, {"ms": 6.0}]}
    assert values(found, "floor", "ms") == [1.0, 3.0]
    assert values(found, "ours", "ms") == [2.0, 6.0]
    assert values(found, "nobody", "ms") == []
