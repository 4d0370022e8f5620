"""Records on disk or in memory, in SQLite.

- `store`, `schema`, `rows`: the database, its tables, and rows as records.
- `lagging`: what a query saw some time ago (`--query-lag`).
- `entities`, `manifest`, `indexing`: entities as the manifest declares them, and their indexes.
"""
