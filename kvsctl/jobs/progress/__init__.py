"""Show how far a job is.

- `showing`: choose where, and follow the run of a job.
- `many`: the same for a job with many parts at work.
"""
