"""Add up reports: of shards, of installations, of runs on several machines. Pure.

- `merged`: many reports as one.
- `checked`: whether a document is a report that can be added to others.
"""
