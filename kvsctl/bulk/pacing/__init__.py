"""When the next request may start, and how many are in flight at a time.

- `pace`: the limits that were given.
- `pacer`: hold requests back within the given and the learnt limits.
- `window`: what was used in the last seconds.
- `ceiling`, `limit_detector`: learn limits from 429 responses.
- `concurrency`: find how many requests in flight help.
"""
