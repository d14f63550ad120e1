"""The hub: dispatch, state, sockets, and connectors in its own process."""
