"""Pixels in shared memory: the hub's ring per track, and the ring of a connector in another process."""
