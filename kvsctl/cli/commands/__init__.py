"""The commands, one module each.

- `records`: set, get, delete.
- `tools`: serve, journal.
"""
