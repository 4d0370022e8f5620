"""A job from its request to its exit status: no Typer, no sys.exit, no event loop of its own.

- `job`: a batch command as one frozen request.
- `runner`: carry a job out.
- `inputs`: where a job gets its records from.
- `access`: whether the job may write to its target.
- `question`: ask before something is deleted or rewritten.
- `connect`: open the target.
- `listeners`: open and close everything that listens to a run.
- `progress`: show how far a run is.
- `printing`: print the records that a run finds.
- `journal`: begin, resume and keep a journal.
- `examine`: read the input without sending it.
- `ending`: report a finished run.
- `signals`, `event_loop`: for the command's edge.
- `compare`: compare records, and verify backups.
- `store`: listings in jobs, and a second store in addition to the target.
- `cleanup`: list or plan the records that a selection chooses, and delete them or give them a ttl.
- `probe`: find out what a target does where the documentation is silent.
- `settings`: write settings that work.
- `ping`: find out whether a target answers.
- `installations`: jobs on several installations of an app.
- `fan_out`: jobs in parts, in other processes.
- `cron`: what unattended jobs need.
- `file_roles`: refuse one file in two roles.
- `replacing`: refuse to replace a file of another kind.
"""
