"""What an unattended job needs, such as a cron job.

- `time_limit`: take no new work when the time is up.
- `lock`: keep a second run out while one works.
- `watch`: report to monitoring: pings and a metrics file.
- `sharded`: one shard of an input as the input of a job.
"""
