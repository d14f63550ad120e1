"""The agent of the XR render demo: hears requests, edits the scene with tools, and answers truthfully.

From outside in: `lobby` (who is here) → `participant` (their voice pipeline) → `session` (a turn) → `tool_loop`
(language model and tools) → `toolbox` and `tool_server` (MCP). `memory`, `scene`, `truth` and `undo` are what a turn
knows; `outbox` is what the participant sees.
"""
