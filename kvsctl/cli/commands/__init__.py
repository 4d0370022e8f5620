"""The commands, one module each.

- `records`: set, get, delete.
- `store`: verify.
- `tools`: serve, journal.
"""
