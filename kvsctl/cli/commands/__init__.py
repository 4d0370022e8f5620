"""The commands, one module each.

- `records`: set, get, delete.
- `store`: list, export, verify, diff.
- `tools`: serve, journal.
"""
