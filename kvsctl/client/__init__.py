"""kvsctl as a library: `from kvsctl import Client, AsyncClient`.

A call makes a run of the same engine that the commands use, so it batches, retries, keeps to the
quota and accounts for each record in the same way. It reports and prints nothing, and writes no
file but that of an export.

- `asynchronous`: the client, for callers with an event loop.
- `blocking`: the client for callers without one, which has a loop in a thread of its own.
- `loop_thread`: that thread.
- `opening`: which store a client works on, and how it is opened.
- `session`: what a client has while it is open, and the runs that its calls make.
- `options`: the options of calls: what is written when, and which part of a store is read.
- `items`: what a caller gives, as records and problems.
- `feeds`: the iterables of a caller as the feed of a run.
- `results`: what a call returns: totals, failed records, stored records.
- `stream`: what arrives for the caller, in lists, until the caller takes it.
- `exporting`: export a store to a file, or as lines.
- `comparing`: compare a store with another one or with a file.
- `wording`: the advice of errors in the words of Python.
"""
