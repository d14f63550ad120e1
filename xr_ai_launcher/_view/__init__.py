"""What people look at: the live table of a terminal, the full-screen view, the progress of setup steps, metrics.

The live table is drawn by the supervisor itself with plain escape sequences: a second process would cost 10 MiB and
would still have to share the terminal with the lines of the roles. A scroll region keeps the two apart, so that a line
costs the same with the table as without. Nothing of this package is loaded when nobody looks.
"""
