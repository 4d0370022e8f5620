"""The commands, one module each.

- `records`: set, get, delete.
- `store`: list, verify.
- `tools`: serve, journal.
"""
