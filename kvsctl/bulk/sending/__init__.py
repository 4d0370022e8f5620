"""Choose the next batch, send it, act on its answer.

- `run_state`: what all requests of a run share.
- `queue`, `chooser`: what waits to be sent, and which batch goes next.
- `sender`: send one batch.
- `answers`: act on a 200 answer, or on a fault.
"""
