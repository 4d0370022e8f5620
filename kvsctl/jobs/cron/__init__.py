"""What a job needs that runs by itself, such as from cron.

- `time_limit`: take no new work when the time is up.
- `lock`: keep a second run out while one works.
- `watch`: report to those who watch a job: pings and a metrics file.
- `sharded`: one part of an input as the input of a job.
"""
