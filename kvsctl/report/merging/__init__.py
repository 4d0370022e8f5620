"""Add up reports: of shards, of installations, of runs on several machines. Pure.

- `merged`: many reports as one.
- `rules`: the rules of many reports of `clean`.
- `shown`: the totals of a report, to be shown to people.
- `checked`: whether a document is a report that can be added to others.
"""
