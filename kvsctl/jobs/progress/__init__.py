"""Show how far a job is.

- `showing`: choose where, and follow the run of a job.
"""
