"""Looking at a running stack and steering it from another process.

The run side answers on a socket (`server`, in the supervisor's loop), the views ask (`client`, `runs`, `figures`); both
speak `protocol` and exchange the data of `model`.
"""
