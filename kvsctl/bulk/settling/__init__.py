"""From an answer to one outcome for each record.

- `reconcile`: match an answer with its batch.
- `ledger`: settle records and notify listeners.
- `verify`: read back what was written (`--verify`).
- `precondition`: write only what changes the store, or what is absent (`--changed-only`,
  `--if-absent`).
"""
