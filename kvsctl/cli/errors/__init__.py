"""Errors of the command line.

- `misuse`: a command line that cannot be read, as one of kvsctl's own errors.
- `for_programs`: an error as JSON, with `--json`.
"""
