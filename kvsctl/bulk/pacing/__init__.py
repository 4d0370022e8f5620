"""Decide when the next request may start, and how many are in flight at a time.

- `pace`: the given limits.
- `pacer`: hold requests back within the given and the learnt limits.
- `app_invocations`: the limit that runs on several installations of an app share, if they go
  through bridges.
- `charges`: what the service charges for a request, by its answer.
- `window`: the amount used in the last seconds.
- `learner`: learn limits from 429 responses. Its parts: `limit_detector`, `history`, `probes`,
  `learnt_window` (of a long window), `even_rate` and `ceiling` (of a short one).
- `concurrency`: find how many requests in flight are useful.
"""
