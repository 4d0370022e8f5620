"""What `--log-format json` writes to stderr in place of lines for people.

- `json_log`: one JSON object per line, for everything on stderr.
- `start`: the start of a run, and the listeners that show its requests.
- `run_events`: the events of a run, and the problems of its input, as such lines.
"""
