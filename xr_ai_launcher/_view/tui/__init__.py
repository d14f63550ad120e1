"""The full-screen view of a running stack (Textual): its roles, the log of one of them, and what can be done with it.

Needs the extra ``[tui]``. A process of its own in any case: it looks at the stack through the control socket.
"""
