"""Commands that work on a whole store, or on a selection of it.

- `list`: print keys.
- `verify`: check an export against its manifest.
"""
