"""Choose the next batch, send it, act on its answer.

- `run_state`: the state that all requests of a run share.
- `queue`, `chooser`: the batches that wait to be sent, and which one goes next.
- `sender`: send one batch.
- `answers`: act on a 200 answer, or on a fault.
"""
