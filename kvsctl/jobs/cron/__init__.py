"""What a job needs that runs by itself, such as from cron.

- `time_limit`: take no new work when the time is up.
- `lock`: keep a second run out while one works.
- `sharded`: one part of an input as the input of a job.
"""
