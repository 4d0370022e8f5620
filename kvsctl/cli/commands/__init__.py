"""The commands, one module each.

- `records`: set, get, delete.
- `store`: list, export, du, verify, diff and others that work on whole stores.
- `tools`: serve, journal and others that do not work on records.
- `sentences`: the first sentence of each.
"""
