"""ZeroMQ on the event loop: reading in batches, sending with patience, private addresses, keys."""
