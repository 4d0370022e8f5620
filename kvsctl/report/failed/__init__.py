"""What is shown of failed records besides their table.

- `retry_line`: the command that retries them.
"""
