"""The operations of the service: one module per group of endpoints.

- `service`: the parts that the operations share: options, clock, records, metadata.
- `batches`, `singles`, `transactions`: set, get and delete.
- `queries`, `entity_queries`, `conditions`, `cursors`: listings.
- `installations`: the list of installations, as the proxy of a Forge Container returns it.
- `contexts`: what the proxy of a Forge Container says of an invocation.
- `seed`, `exports`: load records from JSON Lines, and write all as such.
- `record_files`: the files of both.
"""
