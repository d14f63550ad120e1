"""Totals of people who come and go."""

from xr_media_hub._stats import HubStats, ParticipantStats, QueueDepths


def test_whoever_comes_back_is_counted_once() -> None:
    stats, counts = HubStats(), ParticipantStats()
    stats.joined("alice", counts, QueueDepths)
    counts.data_in += 3
    stats.left("alice")
    assert stats.totals()["data_in"] == 3
    stats.joined("alice", counts, QueueDepths)
    assert (stats.totals()["data_in"], counts.data_in) == (3, 0)
    counts.data_in += 1

    assert stats.totals()["data_in"] == 4
    stats.left("alice")
    assert stats.totals()["data_in"] == 4
    assert stats.joins == 2
