"""The command as a user runs it, and servers for it.

- `command`: runs kvsctl and returns how it ended: in this process, or as a process.
- `in_process`: the command in this process.
- `pseudo_terminal`: the command on a terminal.
- `serving`: `kvsctl serve`, in a thread or as a process.
- `server`: any ASGI app behind a server in a thread.
- `pinged`: a monitoring service as an ASGI app.
"""
