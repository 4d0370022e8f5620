"""kvsctl as a library: `from kvsctl import Client, AsyncClient`.

A call makes a run of the same engine that the commands use, so it batches, retries, keeps to the
quota and accounts for each record in the same way. It prints nothing, and writes a file only for an
export.

- `asynchronous`: the client, for callers with an event loop.
- `blocking`: the client for callers without one, which has a loop in a thread of its own.
- `loop_thread`: that thread.
- `opening`: which store a client works on, and how it is opened.
- `session`: the state of an open client, and the runs of its calls.
- `options`: the options of calls: what is written when, and which part of a store is read.
- `items`: the caller's input, as records and problems.
- `feeds`: the iterables of a caller as the feed of a run.
- `results`: what a call returns: totals, failed records, stored records.
- `stream`: results that wait, in lists, until the caller takes them.
- `exporting`: export a store to a file, or as lines.
- `comparing`: compare a store with another one or with a file.
- `wording`: the advice of errors in the words of Python.
"""
