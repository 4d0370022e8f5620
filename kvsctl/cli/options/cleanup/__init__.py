"""The options of commands that delete or rewrite what a selection chooses.

- `deleting`: which records, how many at most, and what is kept of them.
- `expiring`: what becomes of records that are given a ttl.
- `cleaning`: which rules a store is cleaned up by.
- `applying`: which plan is carried out.
"""
