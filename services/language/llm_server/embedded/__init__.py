"""The embedded backend: a semantic grammar that plans tool calls, needs no weights, and says so when asked.

It keeps nothing between requests: the next step is worked out from the messages alone (`_steps`).
"""

from llm_server.embedded._backend import EmbeddedBackend

__all__ = ("EmbeddedBackend",)
