"""The commands, one module each.

- `records`: set, get, delete.
- `store`: list, export, du, verify, diff.
- `tools`: serve, journal.
"""
