"""The options of commands that delete or rewrite what a selection chooses.

- `deleting`: which records, how many at most, and what is kept of them.
- `expiring`: the ttl that records are given.
- `cleaning`: which rules a store is cleaned up by.
- `applying`: which plan is carried out.
"""
