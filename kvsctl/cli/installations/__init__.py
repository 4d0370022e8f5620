"""From options to jobs on several installations.

- `chosen`: which installations the options name.
- `store`: the store of one of them, and the copy of one that all are compared with.
- `naming`: names of files with `{installation}` in them.
- `own_names`: the same names, of a command that works on one store.
- `request`: the job on each of them.
- `workers`: the same job by workers (`--workers`).
"""
