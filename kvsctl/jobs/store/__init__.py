"""Listings in jobs, a second store in a job, and making one store like another.

- `listing_input`: the keys that a listing chooses, as the input of a job.
- `side`: a store besides the target, and how it is read.
- `listing`: list what such a store holds.
- `source`: what a listing of another store chooses, as records to set.
- `making`: what was read, as records to set.
- `copy`, `copy_input`: a store that is read once for several jobs, and what they set of it.
- `arrivals`: what a listing finds, kept until a run takes it.
- `deletions`: plan to delete what a target has and the source of a sync does not.
"""
