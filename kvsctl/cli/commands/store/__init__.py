"""Commands that work on a whole store, or on a selection of it.

- `list`: print keys.
- `export`: write records that `set` can load.
- `verify`: check an export against its manifest.
"""
