"""The operations of the service: one module per group of endpoints.

- `service`: the parts that the operations share: options, clock, records, metadata.
- `batches`, `singles`, `transactions`: set, get and delete.
- `queries`, `entity_queries`, `conditions`, `cursors`: listings.
- `installations`: the list of installations, as the proxy of a Forge Container returns it.
- `contexts`: the context of an invocation, as the proxy of a Forge Container returns it.
- `seed`, `exports`: load records from JSON Lines, and write all records as JSON Lines.
- `record_files`: the files that `seed` and `exports` read and write.
"""
