"""Decide what is retried, how often, and when a run is given up.

- `policy`: what to do about one fault: wait, split, renew the token, give up, end the run.
- `budget`: the retries that the whole run shares.
- `give_up`: when nothing succeeds any more, and the error that says so.
"""
