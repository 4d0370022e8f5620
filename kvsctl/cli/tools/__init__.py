"""From options to jobs that do not work on records.

- `asking`: the target of `ping` and `probe`.
- `probe_request`: the job of `probe`.
"""
