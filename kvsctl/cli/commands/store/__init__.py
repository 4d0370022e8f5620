"""Commands that work on a whole store, on a selection of it, or on backups.

- `list`: print keys.
- `export`: write records that `set` can load.
- `du`: show how much each prefix takes.
- `verify`: check an export against its manifest, and against a store.
- `diff`: compare records.
- `sync`: make a store like another one.
- `expire`: give existing records a ttl.
- `clean`: carry out the rules of a retention file.
- `apply`: carry out a plan.
"""
