"""Options of commands that work on several installations.

- `choosing`: which installations.
- `one_store`: the same options, for commands that refuse them with a reason.
- `working`: how many at a time, and when no other one is begun.
"""
