"""What a job writes besides its report.

- `records`: the records that `get` prints, and their order.
- `failures`, `failure_line`: the failures file and one line of it.
"""
