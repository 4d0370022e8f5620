"""How records are printed and written.

- `getting`: how get prints, and what it skips.
- `setting`: when set writes.
- `retrying`: which command retries what has failed.
- `rounding`: what a job does about numbers that a bridge rounds.
"""
