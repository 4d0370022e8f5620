"""The commands, one module each.

- `records`: set, get, delete.
- `store`: list, export, du, verify, diff and others that work on whole stores.
- `tools`: serve, journal and others beside the records.
- `sentences`: the first sentence of each.
"""
