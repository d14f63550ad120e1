"""The agent's side: what participants send comes in, in order; what the agent answers goes out."""
