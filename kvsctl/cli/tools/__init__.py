"""From options to jobs of commands beside the records.

- `probe_request`: the job of `probe`.
"""
