"""What the service does, one module for each group of endpoints.

- `service`: what the operations share: a caller's installation, its limits, its answers.
- `batches`, `singles`, `transactions`: set, get and delete.
- `queries`, `entity_queries`, `conditions`, `cursors`: listings.
- `installations`: the list that a Forge Container's proxy gives.
- `seed`: load records before the first request.
"""
