"""Records in SQLite, on disk or in memory.

A *space* is the plain keys, the secrets, or the keys of one entity. A *bucket* is one space of one
installation; queries list one bucket.

- `store`, `worker`: the database and its transactions, and the thread that runs them.
- `schema`, `rows`: the tables, and the SQL statements on records.
- `lagging`: the records that lagging queries see (`--query-lag`).
- `entities`, `manifest`, `indexing`: the entities that a manifest declares, and their indexes.
- `yaml12`: YAML as the vendor's parser reads it, for manifests.
"""
