"""Add up reports: of shards, of installations, of runs on several machines.

All but `reading` is pure.

- `merged`: many reports as one.
- `rules`: the rules of many reports of `clean`.
- `shown`: the totals of a report, to be shown to people.
- `page`: the sum of reports, for people.
- `reading`: reports in files and on stdin.
- `checked`: whether a document is a report that can be added to others.
"""
