"""The engine: records in, outcomes out. It writes to no terminal and no file.

Words used throughout the engine:

- A *piece* is what the input yields: a record, or a problem (input that is not a valid record).
- Pieces are *read*. Records are then *admitted* to lanes, within the bounds on memory.
- A *lane* is the queue of one identity (key and entity name). One record of a lane is in flight at
  a time, so an older write never lands after a newer one.
- A *slab* is many records as one value (`kvsctl.slabs`). To *split* it is to replace it with its
  records.
- A *batch* is the set of records of one request. A *reply* is a decoded 200 answer, a *fault* is a
  failed request, a *failure* is a failed record.
- A record is *away* from the start of its first request until it is settled, including the waits
  between retries.
- To *settle* a record is to give it its final outcome: succeeded, failed, skipped, duplicate,
  unknown or unsent. Each record is settled exactly once.
- The *ledger* is where records are settled and listeners are notified.
- The *pace* limits the requests per second and the quota units per minute of a run.

Modules: `run` (the orchestration), `intake`, `stopping` and `failure_limit` (its state), `feeds`,
`lanes`, `plan`, `events`, `forecast`, `alike` (many outcomes as one value), `shared_window` (one
bound for several runs).

- `sending`: choose the next batch, send it, act on its answer.
- `packing`: which records share a request.
- `pacing`: when the next request may start, and how many are in flight.
- `retrying`: what is retried, how often, and when a run is given up.
- `settling`: from an answer to one outcome for each record.
- `outcomes`: what listeners count and order: totals, positions, input order.
"""
