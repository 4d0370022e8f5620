"""Jobs that compare several installations with one store, which is read once for all of them.

- `reading`: read the store, and leave it out of the installations.
- `syncing`: compare all of them, ask once, and write what differs.
"""
