"""From an answer to one outcome for each record.

- `reconcile`: match an answer with its batch.
- `ledger`: settle records and tell listeners.
- `verify`: read back what was written (`--verify`).
"""
