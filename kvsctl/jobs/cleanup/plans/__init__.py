"""Carry out a plan: the lines that `--plan` wrote, each on a record that has not changed since.

- `lines`: read the lines of a plan.
- `records`: the records that a plan changes, identified by their hash.
- `source`: a plan as the input of a job.
- `approval`: whether a plan may be carried out.
- `applying`: carry out a plan.
"""
