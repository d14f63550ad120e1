"""A transport in another process than the hub, and what every transport has in common."""
