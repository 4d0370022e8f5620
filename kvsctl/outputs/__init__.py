"""What a job writes in addition to its report.

- `forms`: how found records are printed, and where.
- `records`: the records that `get` and `export` print, and their order.
- `keys`: the forms in which `list` prints keys.
- `differences`: what `diff` prints for programs.
- `usage`: the sums that `du` prints.
- `names`: names of files that are never replaced.
- `plan_lines`: the lines of a plan, and the hash that identifies its records.
- `undo_file`: records as they were read just before they were deleted or rewritten.
- `failures`, `failure_line`: the failures file and one line of it.
- `metrics`: the metrics file, for Prometheus.
"""
