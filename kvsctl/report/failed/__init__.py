"""What else is shown of failed records, below their table.

- `retry_line`: the command that retries them.
"""
