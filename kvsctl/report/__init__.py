"""What a run shows to people and to programs: the only importer of rich.

- `console`, `rich_console`: the process's streams, and rich text on them.
- `colour`: whether to write colours.
- `styled`, `escape`: styled lines without rich; text from outside, escaped for a terminal.
- `document`, `schema`: the JSON report; the schemas of all JSON documents.
- `summary`, `failures_table`, `advice`: the report for people.
- `progress`: how far a run is, shown while it works.
- `request_lines`, `problem_lines`: what else is shown during a run.
- `failed`: what else is shown of failed records, below their table.
- `log`: the log of a run for programs, in place of lines for people.
- `dry_run`, `journal`: the reports of `--dry-run` and of `kvsctl journal show`.
- `merging`: many reports as one.
- `target`: what is shown of a target itself.
- `installations`: what is shown of several installations.
- `store`: what is shown of backups and whole stores.
"""
