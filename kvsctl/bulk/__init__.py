"""The engine: records in, outcomes out. It writes to no terminal and no file.

Words used throughout the engine:

- A *lane* is the queue of one identity (key and entity name). One record of a lane is in flight at
  a time, so an older write never lands after a newer one.
- To *settle* a record is to give it its final outcome: succeeded, failed, skipped, duplicate,
  unknown or unsent. Each record is settled exactly once.
- The *ledger* is where records are settled and listeners are told.
- The *pace* is how much the run may ask of the service in a second and in a minute.

Modules: `run` (the orchestration), `intake` and `stopping` (its state), `feeds`, `lanes`, `plan`,
`events`, `forecast`.

- `sending`: choose the next batch, send it, act on its answer.
- `packing`: which records share a request.
- `pacing`: when the next request may start, and how many are in flight.
- `retrying`: what is retried, how often, and when a run is given up.
- `settling`: from an answer to one outcome for each record.
- `outcomes`: what listeners count and order: totals, positions, input order.
"""
