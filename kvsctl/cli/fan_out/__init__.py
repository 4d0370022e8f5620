"""From the options of a command to a job in parts (`--workers`).

- `splitting`: the units of a job.
- `naming`: the files of each unit.
- `refusals`: what cannot be done in parts.
"""
