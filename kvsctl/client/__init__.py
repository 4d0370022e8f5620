"""kvsctl as a library: `from kvsctl import Client, AsyncClient`.

A call makes a run of the same engine that the commands use, so it batches, retries, keeps to the
quota and accounts for each record in the same way. It reports, prints and writes nothing.

- `asynchronous`: the client, for callers with an event loop.
- `blocking`: the client for callers without one, which has a loop in a thread of its own.
- `opening`: which store a client works on, and how it is opened.
- `items`: what a caller gives, as records and problems.
- `feeds`: the iterables of a caller as the feed of a run.
- `results`: what a call returns: totals, failed records, stored records.
- `stream`: what arrives for the caller, in lists, until the caller takes it.
"""
