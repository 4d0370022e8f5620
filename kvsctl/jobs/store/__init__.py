"""Listings in jobs, a second store in a job, and making one store like another.

- `listed_input`: what all inputs that a listing chooses answer alike.
- `listing_input`: the keys that a listing chooses, as the input of a job.
- `side`: a second store in a job, and how it is read.
- `listing`: list such a store.
- `source`: the records that a listing of another store chooses, as records to set.
- `making`: make records to set from records that were read.
- `copy`, `copy_input`: a store that is read once for several jobs, and what they set of it.
- `arrivals`: keep what a listing finds until a run takes it.
- `deletions`: plan to delete keys that a target has, but the source of a sync lacks.
"""
