"""The journal: what is settled of a job, on disk, so that a stopped run can be resumed.

- `state`: what a journal says.
- `text`: the journal's format. Its docstring has the proof that a torn file is read correctly.
- `file`: one writer on disk; groups are appended and synced.
- `totals`: counts as a journal keeps them.
- `writer`: the listener that notes what has settled.
- `resume`: skip what an earlier run settled.
- `fingerprint`: recognise the same input in a later run.
"""
