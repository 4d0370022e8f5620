"""Errors of the command line.

- `misuse`: a command line that cannot be read, as one of kvsctl's own errors.
- `guesses`: the known names that a mistyped one is near to.
- `for_programs`: an error as JSON, with `--json`.
"""
