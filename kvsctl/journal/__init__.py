"""The journal: what is settled of a job, on disk, so that a stopped run can be resumed.

- `state`: what a journal holds. Its docstring has the proof that a resumed job keeps the order of
  each key.
- `text`: the journal's format. Its docstring has the proof that a torn file is read correctly.
- `file`: one writer on disk; groups are appended and synced.
- `totals`: counts as a journal keeps them.
- `marked`: what else a journal marks: the output, the failures file, a listing.
- `writer`: the listener that records what has settled.
- `retryable`: the failures that a later record of the same key replaces.
- `resume`: the input without the records that earlier runs settled.
- `fingerprint`: whether a later run reads the same input.
"""
