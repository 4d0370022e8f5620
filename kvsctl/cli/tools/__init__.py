"""From options to jobs of commands beside the records.

- `asking`: the target of `ping` and `probe`.
- `probe_request`: the job of `probe`.
"""
