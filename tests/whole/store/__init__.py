"""Whole-store commands at random: delete, plans, expire, sync, exports and what restores them.

- `records`: the keys and values of the stores.
- `choosing`: what a selection chooses, by a model of its own.
- `world`: the stores, who else writes to them, and the book of all changes.
- `jobs`: the jobs, their files and their command lines.
- `fates`: what is drawn: jobs, and what somebody else does during their runs.
- `account`: what the runs of a job have done.
- `change_laws`, `end_laws`, `store_laws`, `file_laws`: what must hold after a run.
- `machine`: jobs and fates, one after the other.
"""
