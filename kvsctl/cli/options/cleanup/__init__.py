"""The options of commands that delete or rewrite what a selection chooses.

- `deleting`: which records, and how many at most.
"""
