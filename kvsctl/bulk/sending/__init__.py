"""Choose the next batch, send it, act on its answer.

- `run_state`: the state that all requests of a run share.
- `queue`, `chooser`: the batches that wait to be sent, and which one goes next.
- `reading_first`: the batches of records that are read before they are written.
- `tokens`: the token that requests wait for.
- `sender`: send one batch.
- `answers`: act on a 200 answer, or on a fault.
"""
